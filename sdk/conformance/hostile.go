package conformance

import (
	"encoding/binary"
	"slices"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

// Where the fields of a batch lie that badBatches spoils.
const (
	atVersion = 4
	atTotal   = 8
	atRows    = 12
	atSamples = 16
	atOffsets = 20 // of series, times and values
	atConfig  = 48
	atRow     = abi.HeaderSize
)

// badBatches are batches of one series with one field spoilt.
func badBatches() (all []trial) {
	good := message([]abi.Row{{ID: series, Count: 2}}, []float64{0, 1})
	add := func(name string, batch []byte, want abi.Errno) {
		all = append(all, trial{name, func(g policytest.Guest) error { return refuses(g, batch, want) }})
	}
	f := func(name string, at int, value uint32, want abi.Errno) {
		spoilt := slices.Clone(good)
		binary.LittleEndian.PutUint32(spoilt[at:], value)
		add(name, spoilt, want)
	}
	add("an empty batch is refused", nil, abi.ErrBadInput)
	add("half a header is refused", good[:atOffsets], abi.ErrBadInput)
	add("a batch without its last byte is refused", good[:len(good)-1], abi.ErrBadInput)
	f("other magic is refused", 0, abi.Magic+1, abi.ErrBadInput)
	f("another version is refused", atVersion, 2, abi.ErrUnsupported)
	f("a total over the message is refused", atTotal, uint32(len(good))+8, abi.ErrBadInput)
	f("a total under a header is refused", atTotal, abi.HeaderSize-8, abi.ErrBadInput)
	f("more rows than bytes are refused", atRows, 1<<31, abi.ErrBadInput)
	f("more samples than bytes are refused", atSamples, 1<<29, abi.ErrBadInput)
	for i, column := range []string{"series", "times", "values"} {
		f(column+" in the header are refused", atOffsets+4*i, 8, abi.ErrBadInput)
		f(column+" at an odd place are refused", atOffsets+4*i, abi.HeaderSize+4, abi.ErrBadInput)
		f(column+" past the end are refused", atOffsets+4*i, 1<<32-8, abi.ErrBadInput)
	}
	f("a policy that was never configured is refused", atConfig, config+1, abi.ErrBadInput)
	f("a series that no dictionary named is refused", atRow+8, 5, abi.ErrBadInput)
	f("a reference far outside is refused", atRow+8, 1<<32-1, abi.ErrBadInput)
	f("a series under another's reference is refused", atRow, 77, abi.ErrBadInput)
	f("a row that starts past the columns is refused", atRow+12, 1<<32-1, abi.ErrBadInput)
	f("a row that ends past the columns is refused", atRow+16, 3, abi.ErrBadInput)
	return all
}

// badDictionaries are dictionary messages that must teach nothing.
func badDictionaries() (all []trial) {
	add := func(name string, b []byte) {
		all = append(all, trial{name, func(g policytest.Guest) error { return refusal(g.Series(b), abi.ErrBadInput) }})
	}
	words := func(values ...uint32) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return b
	}
	good := dictionary(1)
	add("an empty dictionary message is refused", nil)
	add("a dictionary without its last byte is refused", good[:len(good)-1])
	add("a dictionary with a byte too many is refused", append(slices.Clone(good), 0))
	add("four billion symbols are refused", words(1<<32-1))
	add("a symbol longer than the message is refused", words(1, 1<<32-1))
	add("four billion series are refused", words(0, 1<<32-1))
	add("a label without its symbol is refused", words(0, 1, 1, 0, 0, 1, 0, 0))
	add("a reference over the limit is refused", words(0, 1, 1, 0, abi.MaxSeries, 0))
	return all
}

// settings are settings that must be refused by name, and leave those before
// them in force.
func settings() (all []trial) {
	f := func(doc, code, path string) {
		all = append(all, trial{"settings " + doc, func(g policytest.Guest) error {
			return refused(g.Configure(config, []byte(doc)), code, path)
		}})
	}
	f(``, "settings_invalid", "above")
	f(`{}`, "settings_invalid", "above")
	f(`null`, "settings_invalid", "above")
	f(`{"above":null}`, "settings_invalid", "above")
	f(`{"above":1,"above":null}`, "settings_invalid", "above")
	f(`[]`, "settings_type", "")
	f(`1`, "settings_type", "")
	f(`"above"`, "settings_type", "")
	f(`{"above":[1]}`, "settings_type", "above")
	f(`{"above":true}`, "settings_type", "above")
	f(`{"below":{}}`, "settings_type", "below")
	f(`{"above":1e400}`, "settings_type", "above")
	f(`{"z":1,"b":[{"c":null}],"above":"x"}`, "settings_unknown_field", "b")
	f(`{"Above":1}`, "settings_unknown_field", "Above")
	f(`{"":1}`, "settings_unknown_field", "")
	f(`{"a\"\u0041\n\ud83d\ude00\ud800":1}`, "settings_unknown_field", "a\"A\n😀\uFFFD")
	for _, doc := range []string{
		`{`, `{"above"}`, `{"above":}`, `{"above":01}`, `{"above":1.}`, `{"above":.5}`, `{"above":+1}`, `{"above":1e}`, `{"above":-}`, `{"above":1,}`,
		`{"above":1}}`, `{"above":1}x`, `{above:1}`, `{"above":nul}`, `{"above":"\x"}`, `{"above":"\u12"}`, "{\"above\":\"\n\"}", `[1,2`, "\x00",
	} {
		f(doc, "settings_json", "")
	}
	return append(all, trial{"settings of two policies are kept apart", func(g policytest.Guest) error {
		if err := g.Configure(config+2, []byte(" {\"\\u0061bove\" : 8000e-4 , \"below\":-1E+2}\n")); err != nil {
			return err
		}
		if err := g.Configure(config-2, []byte(`{"below":5}`)); err != nil {
			return err
		}
		return judges(g, config+2)
	}})
}
