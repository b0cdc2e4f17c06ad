package conformance

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

// The policy and the series that Protocol's messages name.
const (
	config        = 1 << 20
	series uint64 = 1 << 40
)

// Protocol sends messages that a guest must refuse, or must understand though
// no vector has them. After each it must still judge as before.
func Protocol(g policytest.Guest) error {
	if err := ready(g); err != nil {
		return fmt.Errorf("before any test: %w", err)
	}
	var all []error
	for _, c := range protocol() {
		err := c.try(g)
		if err == nil {
			if err = judges(g, config); err != nil {
				err = fmt.Errorf("afterwards: %w", err)
			}
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(all...)
}

// trial is a message or a few, and what is wrong with the answers.
type trial struct {
	name string
	try  func(g policytest.Guest) error
}

func protocol() []trial {
	all := append(badBatches(), badDictionaries()...)
	all = append(all, settings()...)
	return append(all,
		trial{"a tick says nothing", func(g policytest.Guest) error { return says(g, message(nil, nil), 0) }},
		trial{"a row without samples says nothing", func(g policytest.Guest) error {
			return says(g, message([]abi.Row{{ID: series}}, nil), 0)
		}},
		trial{"a batch of 65,536 samples is judged", func(g policytest.Guest) error {
			values := make([]float64, 1<<16)
			return says(g, message([]abi.Row{{ID: series, Count: 1 << 16}}, values), 1)
		}},
		trial{"65,536 decisions are given", func(g policytest.Guest) error { return says(g, restless(1<<16), 1<<16) }},
		trial{"one decision more is refused", func(g policytest.Guest) error { return refuses(g, restless(1<<16+1), abi.ErrBadInput) }},
		trial{"ten thousand series are learnt", manySeries},
	)
}

// ready gives the guest one policy and one series.
func ready(g policytest.Guest) error {
	if err := g.Configure(config, []byte(`{"above":0.8}`)); err != nil {
		return err
	}
	if err := g.Series(dictionary(1)); err != nil {
		return err
	}
	return judges(g, config)
}

func dictionary(n uint32) []byte {
	entries := make([]abi.Series, n)
	for i := range entries {
		entries[i] = abi.Series{ID: series + uint64(i), Ref: uint32(i), Labels: []string{"__name__", "cpu_usage", "host", fmt.Sprint("web-", i)}}
	}
	return abi.AppendDictionary(nil, entries)
}

func message(rows []abi.Row, values []float64) []byte {
	return abi.AppendBatch(nil, abi.Header{Config: config, Now: 9}, rows, make([]int64, len(values)), values)
}

// restless is a batch whose verdict changes with each of n samples. The words
// of those that fire are short enough for one reply.
func restless(n int) []byte {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i % 2)
	}
	return message([]abi.Row{{ID: series, Count: uint32(n)}}, values)
}

// says judges a batch and checks how many decisions come of it.
func says(g policytest.Guest, batch []byte, want int) error {
	reply, err := g.Eval(batch)
	if err != nil {
		return err
	}
	got, err := abi.ReadDecisions(nil, reply, 1)
	if err != nil {
		return err
	}
	if len(got) != want {
		return fmt.Errorf("%d decisions, want %d", len(got), want)
	}
	return nil
}

func refuses(g policytest.Guest, batch []byte, want abi.Errno) error {
	_, err := g.Eval(batch)
	return refusal(err, want)
}

func refusal(err error, want abi.Errno) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("answered %s, want %w", fmt.Sprint(err), want)
	}
	return nil
}

// judges checks that a value above 0.8 fires for the policy, one on it does
// not, and that the decisions carry sample, time and words.
func judges(g policytest.Guest, config uint32) error {
	head := abi.Header{Config: config, Now: 9}
	reply, err := g.Eval(abi.AppendBatch(nil, head, []abi.Row{{ID: series, Count: 2}}, []int64{7, 8}, []float64{0.8, 0.95}))
	if err != nil {
		return err
	}
	got, err := abi.ReadDecisions(nil, reply, 1)
	if err != nil {
		return err
	}
	want := []abi.Decision{
		{Kind: abi.KindOK, Runbook: abi.OwnRunbook, Value: 0.8, At: 7},
		{Kind: abi.KindFire, Runbook: abi.OwnRunbook, Value: 0.95, At: 8, Message: []byte("0.95 is above 0.8")},
	}
	if len(got) != len(want) || !same(got[0], want[0]) || !same(got[1], want[1]) {
		return fmt.Errorf("said %+v, want %+v", got, want)
	}
	return nil
}

func same(a, b abi.Decision) bool {
	return a.Series == b.Series && a.Kind == b.Kind && a.Severity == b.Severity && a.Runbook == b.Runbook && a.Value == b.Value &&
		a.Score == b.Score && a.At == b.At && bytes.Equal(a.Message, b.Message) && bytes.Equal(a.Details, b.Details)
}

// manySeries learns series in a second message, known ones among them.
func manySeries(g policytest.Guest) error {
	const n = 10_000
	if err := g.Series(dictionary(n)); err != nil {
		return err
	}
	rows := make([]abi.Row, n)
	for i := range rows {
		rows[i] = abi.Row{ID: series + uint64(i), Ref: uint32(i), First: uint32(i), Count: 1}
	}
	reply, err := g.Eval(message(rows, make([]float64, n)))
	if err != nil {
		return err
	}
	got, err := abi.ReadDecisions(nil, reply, n)
	if err == nil && (len(got) != n || got[n-1].Series != n-1) {
		err = fmt.Errorf("%d decisions, want one of each series", len(got))
	}
	return err
}
