package main

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/policytest"
)

func TestLimit_Vectors(t *testing.T) {
	policytest.Run(t, &Limit{}, "testdata/*.json")
}
