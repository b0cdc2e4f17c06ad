package main

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/actiontest"
)

func TestRestartService_Vectors(t *testing.T) {
	actiontest.Run(t, &RestartService{}, "testdata/*.json")
}
