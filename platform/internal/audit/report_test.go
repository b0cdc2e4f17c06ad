package audit_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func report(t *testing.T, e audit.Evidence) string {
	t.Helper()
	var b strings.Builder
	if err := audit.Report(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReport_WordsOfOthersAreNoMarkup(t *testing.T) {
	t.Parallel()
	hostile := "x\n# head | <script>alert(1)</script> [a](http://evil) ![i](//e) `code` **b** ~~s~~ www.evil.example ``` \u202egnp.exe \x1b[2J &lt; $m$"
	r := treated()
	r.Reason, r.By, r.Policy, r.Target.Name = hostile, hostile, hostile, hostile
	a := &r.Attempts[0]
	a.Action, a.Message, a.Code, a.Remediator, a.Log = hostile, hostile, hostile, hostile, []string{hostile, "````"}
	a.Calls[0].Op, a.Calls[0].Target, a.Calls[0].Message = hostile, hostile, hostile
	d := &vigil.Decision{Policy: hostile, Reason: hostile, Series: vigil.Series{Name: hostile, Labels: vigil.Labels{hostile: hostile}}, Settings: json.RawMessage(hostile)}
	doc := report(t, audit.Gather(r, d, []vigil.AuditRecord{{By: hostile, Verb: hostile, Message: hostile}}))

	fence := ""
	for line := range strings.Lines(doc) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsAny(line, "\x1b\u202e\r") {
			t.Errorf("a control character is in %q", line)
		}
		switch trimmed := strings.TrimRight(line, "tex"); {
		case fence == "" && strings.HasPrefix(line, "```"):
			fence = trimmed
			continue
		case fence != "":
			if line == fence {
				fence = ""
			}
			continue // nothing in a block is marked up
		}
		bare := strings.NewReplacer(`\\`, "", `\:`, "", `\<`, "", `\>`, "", `\[`, "", `\]`, "", `\(`, "", `\)`, "", "\\`", "", `\|`, "", `\*`, "", `\!`, "", `\~`, "", `\&`, "", `\$`, "", `\#`, "").Replace(line)
		for _, mark := range []string{"<", "](", "![", "~~", "://", "www.", "&"} {
			if strings.Contains(bare, mark) {
				t.Errorf("%q is live in %q", mark, line)
			}
		}
		if strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "# Post-mortem of ") {
			t.Errorf("a heading of somebody else's: %q", line)
		}
	}
	if fence != "" {
		t.Error("a block is not closed")
	}
}

func TestReport_DrawsSamples(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	d := &vigil.Decision{Verdict: vigil.VerdictFire}
	for i := range 23 {
		d.Samples = append(d.Samples, vigil.Observation{Time: at.Add(time.Duration(i) * time.Second), Value: float64(i) / 22})
	}
	d.Samples[21].Value = math.NaN()
	doc := report(t, audit.Gather(treated(), d, nil))
	for _, want := range []string{
		"(3 earlier samples)\n",
		"22:13:31.000  0.5          ####################\n",
		"22:13:41.000  NaN\n",
		"22:13:42.000  1            ########################################\n",
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("%q is not in\n%s", want, doc)
		}
	}
}

func TestReport_TellsWhichGuardSaidNo(t *testing.T) {
	t.Parallel()
	r := treated()
	r.State, r.Attempts = vigil.Blocked, nil
	held := vigil.AuditRecord{
		Seq: 4, Verb: "remediation.blocked", To: "blocked", Message: "cooldown of 5m ends in 2m",
		Detail: json.RawMessage(`{"reason":"cooldown","detail":"cooldown of 5m ends in 2m"}`), Chain: "abcd",
	}
	doc := report(t, audit.Gather(r, nil, []vigil.AuditRecord{held}))
	for _, want := range []string{"| blocked | cooldown of 5m ends in 2m | cooldown |", "The decision is no longer kept.", "It did not come to that.", "| abcd |"} {
		if !strings.Contains(doc, want) {
			t.Errorf("%q is not in\n%s", want, doc)
		}
	}
	if strings.Contains(doc, "No guard held it back") {
		t.Error("it says that no guard held it back")
	}
}
