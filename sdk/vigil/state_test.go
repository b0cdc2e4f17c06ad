package vigil_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

var update = flag.Bool("update", false, "write the drawing of the state machine anew")

// TestMachine_DrawingIsCurrent holds STATES.md to the table.
func TestMachine_DrawingIsCurrent(t *testing.T) {
	t.Parallel()
	const file = "STATES.md"
	want := drawing()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not show the table; run go generate ./sdk/vigil", file)
	}
}

func drawing() string {
	var b strings.Builder
	b.WriteString("<!-- Code generated from Machine in state.go by go generate; DO NOT EDIT. -->\n")
	b.WriteString("# The states of a remediation\n\n```mermaid\nstateDiagram-v2\n    [*] --> planned\n")
	for _, row := range vigil.Machine() {
		for _, to := range row.To {
			fmt.Fprintf(&b, "    %s --> %s\n", row.From, to)
		}
		if len(row.To) == 0 {
			fmt.Fprintf(&b, "    %s --> [*]\n", row.From)
		}
	}
	b.WriteString("```\n\n| state | a remediation that stands there | in the seed's words |\n|---|---|---|\n")
	for _, row := range vigil.Machine() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.From, row.Says, row.Seed)
	}
	return b.String()
}
