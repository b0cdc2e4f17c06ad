package main

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/policytest"
)

func TestThreshold_Vectors(t *testing.T) {
	policytest.Run(t, &Threshold{}, "testdata/*.json")
}
