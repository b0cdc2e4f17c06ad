package flow

import (
	"encoding/binary"
	"slices"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A series' key is its name and then its labels' names and values, in the order
// of the labels' names, each as a uvarint length and the bytes. Equal series
// have equal keys and different series different ones, so that a decoder finds
// the series of a sample by bytes, without a string or a map of its own.

// AppendKeyPart appends one name or value to a key.
func AppendKeyPart[T string | []byte](key []byte, part T) []byte {
	if len(part) < 0x80 {
		key = append(key, byte(len(part)))
	} else {
		key = binary.AppendUvarint(key, uint64(len(part)))
	}
	return append(key, part...)
}

// AppendKey appends the key of a series.
func AppendKey(key []byte, s vigil.Series) []byte {
	key = AppendKeyPart(key, s.Name)
	var room [16]string
	names := room[:0]
	for k := range s.Labels {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		key = AppendKeyPart(AppendKeyPart(key, k), s.Labels[k])
	}
	return key
}

// SeriesOf reads a key back; its strings are parts of the key. ok is false for
// bytes that are no key.
func SeriesOf(key string) (s vigil.Series, ok bool) {
	if s.Name, key, ok = cutPart(key); !ok {
		return s, false
	}
	for key != "" {
		var name, value string
		if name, key, ok = cutPart(key); !ok {
			return s, false
		}
		if value, key, ok = cutPart(key); !ok {
			return s, false
		}
		if s.Labels == nil {
			s.Labels = vigil.Labels{}
		}
		s.Labels[name] = value
	}
	return s, true
}

func cutPart(key string) (part, rest string, ok bool) {
	var n uint64
	for i := 0; i < len(key) && i < binary.MaxVarintLen32; i++ {
		n |= uint64(key[i]&0x7f) << (7 * i)
		if key[i] < 0x80 {
			rest = key[i+1:]
			if n > uint64(len(rest)) {
				return "", "", false
			}
			return rest[:n], rest[n:], true
		}
	}
	return "", "", false
}
