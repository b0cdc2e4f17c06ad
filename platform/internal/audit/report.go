package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Evidence is all that is known of a remediation.
type Evidence struct {
	Remediation vigil.Remediation   `json:"remediation"`
	Story       string              `json:"story"`
	Timeline    []Entry             `json:"timeline"`
	Decision    *vigil.Decision     `json:"decision,omitempty"` // that fired; nil for a person's wish, or when it is no longer kept
	Records     []vigil.AuditRecord `json:"audit"`              // about it, oldest first
}

// Gather puts evidence together.
func Gather(r vigil.Remediation, d *vigil.Decision, records []vigil.AuditRecord) Evidence {
	sentence, timeline := Story(r)
	return Evidence{r, sentence, timeline, d, records}
}

// Report writes a post-mortem in Markdown.
func Report(w io.Writer, e Evidence) error {
	d := &document{}
	d.line("# Post-mortem of %s\n", text(e.Remediation.ID))
	d.line("%s\n", text(e.Story))
	d.facts(e)
	d.timeline(e.Timeline)
	d.saw(e)
	d.guards(e)
	for _, a := range e.Remediation.Attempts {
		d.attempt(a)
	}
	d.verification(e.Remediation)
	if h := e.Remediation.HandOff; h != nil {
		d.line("## Handed to a person\n")
		d.line("%s\n", text(handedOff(*h)))
	}
	d.records(e.Records)
	_, err := d.WriteTo(w)
	return err
}

func (d *document) facts(e Evidence) {
	r := e.Remediation
	var rows [][]any
	fact := func(name string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "0" {
			rows = append(rows, []any{name, s})
		}
	}
	fact("State", string(r.State)+": it "+r.State.Says())
	fact("Target", r.Target)
	fact("Asked by", r.By)
	fact("Reason", r.Reason)
	fact("Policy", r.Policy)
	fact("Revision", r.Revision)
	fact("Module", r.Digest)
	if e.Decision != nil {
		fact("Settings", string(e.Decision.Settings))
		fact("Judged by", e.Decision.Engine)
	}
	fact("Episode", r.Episode)
	fact("Decision", r.Decision)
	if len(r.Trace) > 35 {
		fact("Trace", r.Trace[3:35])
	}
	fact("Begun", stamp(r.CreatedAt))
	fact("Ended", stamp(r.EndedAt))
	d.table([]string{"What", ""}, rows)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 MST")
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("15:04:05.000")
}

func (d *document) timeline(entries []Entry) {
	var rows [][]any
	for _, e := range entries {
		rows = append(rows, []any{clock(e.At), "+" + words(e.Since.D()), e.What, e.Detail})
	}
	d.line("## Timeline\n")
	d.table([]string{"Time (UTC)", "Since", "What", "Detail"}, rows)
}

func (d *document) saw(e Evidence) {
	d.line("## What the policy saw\n")
	switch {
	case e.Decision != nil:
		s := *e.Decision
		d.line("Policy %s said **%s** of %s at %s: %s\n", text(s.Policy), text(s.Verdict), text(s.Series), clock(s.At), text(s.Reason))
		d.fenced(chart(s.Samples))
		d.calls(s.Calls)
	case e.Remediation.Origin == vigil.FromUndo:
		d.line("No policy: it takes back what %s did.\n", text(e.Remediation.Undoes))
	case e.Remediation.Origin == vigil.FromPerson:
		d.line("No policy: a person asked.\n")
	default:
		d.line("The decision is no longer kept.\n")
	}
}

// charted is how many samples a chart shows, and how many characters its
// longest bar has.
const (
	charted = 20
	longest = 40
)

// chart draws samples as bars between the lowest and the highest of them.
func chart(samples []vigil.Observation) []string {
	if len(samples) == 0 {
		return []string{"no samples"}
	}
	var lines []string
	if n := len(samples) - charted; n > 0 {
		lines, samples = append(lines, fmt.Sprintf("(%d earlier samples)", n)), samples[n:]
	}
	low, high := 0.0, 0.0 // bars begin at zero
	for _, s := range samples {
		if finite := !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0); finite {
			low, high = min(low, s.Value), max(high, s.Value)
		}
	}
	for _, s := range samples {
		bar := ""
		if share := (s.Value - low) / (high - low); share >= 0 && share <= 1 {
			bar = strings.Repeat("#", int(math.Round(share*longest)))
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s  %-12s %s", clock(s.Time), strconv.FormatFloat(s.Value, 'g', 6, 64), bar), " "))
	}
	return lines
}

// guards shows the limits that it was planned with, and each time that one of
// them said no.
func (d *document) guards(e Evidence) {
	d.line("## Guards\n")
	if limits, err := json.Marshal(e.Remediation.Guards); err == nil {
		d.line("Planned under:\n")
		d.fenced([]string{string(limits)})
	}
	var rows [][]any
	for _, rec := range e.Records {
		if rec.Verb == "remediation.held" || rec.To == string(vigil.Blocked) || rec.To == string(vigil.Skipped) || rec.To == string(vigil.AwaitingApproval) {
			rows = append(rows, []any{clock(rec.At), rec.To, rec.Message, reasonIn(rec)})
		}
	}
	if len(rows) == 0 {
		d.line("No guard held it back.\n")
	}
	d.table([]string{"Time (UTC)", "Verdict", "Why", "Guard"}, rows)
}

// reasonIn is the guard's name in a record of a hold.
func reasonIn(rec vigil.AuditRecord) string {
	var hold vigil.Hold
	if json.Unmarshal(rec.Detail, &hold) != nil {
		return ""
	}
	return string(hold.Reason)
}

func (d *document) attempt(a vigil.Attempt) {
	d.line("## Attempt %d: %s\n", a.N, text(a.Action))
	d.line("Module %s on remediator %s, fence %d. Leased %s, started %s, ended %s: **%s**,", text(a.Digest), text(a.Remediator), a.Fence,
		clock(a.LeasedAt), clock(a.StartedAt), clock(a.EndedAt), ending(a))
	d.line("with: %s\n", text(strings.TrimSpace(a.Code+" "+a.Message)))
	d.calls(a.Calls)
	if len(a.Log) > 0 {
		d.line("What the module logged:\n")
		d.fenced(a.Log)
	}
}

func (d *document) calls(calls []vigil.HostCall) {
	var rows [][]any
	for _, c := range calls {
		rows = append(rows, []any{clock(c.StartedAt), c.Op, c.Target, short(c.Request), short(c.Reply), strings.TrimSpace(c.Code + " " + c.Message), words(c.Took.D())})
	}
	if len(rows) > 0 {
		d.line("Host calls:\n")
	}
	d.table([]string{"Time (UTC)", "Call", "Target", "Request", "Reply", "Refused", "Took"}, rows)
}

// short cuts what a call carried to what a table bears; the whole is in the JSON.
func short(doc json.RawMessage) string {
	const most = 120
	if len(doc) > most {
		return string(doc[:most]) + " …"
	}
	return string(doc)
}

func (d *document) verification(r vigil.Remediation) {
	v := r.Verification
	d.line("## Verification\n")
	if v.After.IsZero() {
		d.line("It did not come to that.\n")
		return
	}
	rows := [][]any{
		{"Only samples after", clock(v.After)},
		{"Judged from", clock(v.From)},
		{"Until", clock(v.Until)},
		{"Judgements of fresh samples", v.Seen},
		{"Clear since", clock(v.ClearAt)},
		{"Newest sample", clock(v.SampleAt)},
		{"Still firing then", v.Firing},
	}
	d.table([]string{"What", ""}, rows)
}

func (d *document) records(records []vigil.AuditRecord) {
	d.line("## Audit\n")
	d.line("Whether these are what was written is told by: vigil audit verify\n")
	var rows [][]any
	for _, r := range records {
		rows = append(rows, []any{r.Seq, stamp(r.At), r.By, r.Verb, r.Message, r.Chain})
	}
	d.table([]string{"#", "When", "By", "What", "Message", "Link"}, rows)
}
