package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

// AgreeOnSettings gives so many random documents to both guests as settings.
// Each must be taken by both, or refused with one code at one path.
func AgreeOnSettings(one, other policytest.Guest, seed uint64, documents int) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range documents {
		doc := spoil(rng, document(rng, 0))
		code, path := why(one.Configure(config, []byte(doc)))
		if c, p := why(other.Configure(config, []byte(doc))); c != code || p != path {
			return fmt.Errorf("seed %d: settings %q: the one says %s at %q, the other %s at %q", seed, doc, code, path, c, p)
		}
	}
	return nil
}

func why(err error) (code, path string) {
	if fault, ok := errors.AsType[*policy.Fault](err); ok {
		return fault.Code, fault.Path
	}
	return fmt.Sprint(err), ""
}

// document is an object of a few members, most of them settings.
func document(rng *rand.Rand, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range rng.IntN(4) {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(pick(rng, `"above"`, `"below"`, `"above"`, ` "below" `, `"\u0061bove"`, `"Above"`, `"é\ud83d\ude00"`, `"\udc00\n"`, `""`))
		b.WriteString(":" + value(rng, depth))
	}
	return b.String() + "}"
}

func value(rng *rand.Rand, depth int) string {
	if depth < 3 && rng.IntN(6) == 0 {
		return pick(rng, document(rng, depth+1), "["+value(rng, depth+1)+" , "+value(rng, depth+1)+"]")
	}
	return pick(rng, line(rng), line(rng), "null", "true", "false", `"text"`, "-0", "0.0e+0", "12", " \t7\r\n", "[]", `"\/\b\f\t\\\""`)
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

// spoil takes, adds or changes a byte of every second document.
func spoil(rng *rand.Rand, doc string) string {
	at := rng.IntN(len(doc))
	for doc[at] >= 0x80 || at+1 < len(doc) && doc[at+1] >= 0x80 { // never within a character
		at = 0
	}
	junk := pick(rng, "{", "}", "[", "]", `"`, `\`, ":", ",", "e", ".", "-", "0", "n", " ", "\x00", "\x1f", "u")
	switch rng.IntN(6) {
	case 0:
		return doc[:at] + doc[at+1:]
	case 1:
		return doc[:at] + junk + doc[at:]
	case 2:
		return doc[:at] + junk + doc[at+1:]
	}
	return doc
}
