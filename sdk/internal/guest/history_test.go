package guest

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestReadHistories_ReadsWhatAHostWrites(t *testing.T) {
	t.Parallel()
	want := []vigil.History{
		{Series: vigil.Series{Name: "cpu", Labels: vigil.Labels{"host": "a\"\\\u00e9<\n", "": ""}}, Times: []int64{0, math.MaxInt64}, Values: vigil.Values{-0.5, math.Inf(-1)}},
		{Series: vigil.Series{Name: "cpu"}, Times: []int64{1, 2, 3}, Values: vigil.Values{1e300, math.NaN(), math.Inf(1)}},
	}
	data, err := json.Marshal(vigil.QueryReply{Series: want})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(vigil.Answered(data, nil))
	if err != nil {
		t.Fatal(err)
	}
	answer, got, err := readHistories(doc)
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); err != nil || !answer.OK || diff != "" {
		t.Errorf("%s gave %+v, %v (-want +got):\n%s", doc, answer, err, diff)
	}
	answer, _, err = readHistories([]byte(`{"ok":false,"code":"query_limit","message":"too \u006duch"}`))
	if err != nil || answer.OK || answer.Code != "query_limit" || answer.Message != "too much" {
		t.Errorf("a refusal gave %+v, %v", answer, err)
	}
	for _, doc := range []string{
		``, `{`, `[]`, `{"ok":true}x`, `{"ok":true,"data":{"series":[{"times":"AAAAAAAAWUA=","values":""}]}}`, `{"ok":true,"data":{"series":[{"times":"AAAA","values":"AAAA"}]}}`,
		`{"ok":true,"data":{"series":[{"times":[1],"values":[1]}]}}`, `{"ok":true,"data":{"series":[{"times":"?","values":"?"}]}}`,
		`{"ok":true,"data":{"series":[{"name":"\x"}]}}`, `{"ok":true,"data":{"series":[`, `{"ok" true}`, `{"ok":true,"x":]}`,
	} {
		if _, _, err := readHistories([]byte(doc)); err == nil {
			t.Errorf("%s was read", doc)
		}
	}
}

// FuzzReadHistories holds the reader against encoding/json: what that reads, it
// reads alike or refuses, and it never fails to end.
func FuzzReadHistories(f *testing.F) {
	f.Add([]byte(`{"ok":true,"data":{"series":[{"name":"cpu","labels":{"a":"b"},"times":"AAAAAAAAWUA=","values":"AAAAAAAAWUA="}]}}`))
	f.Add([]byte(`{"ok":false,"code":"c","message":"m","data":null}`))
	f.Add([]byte(` { "x" : [ { } , "]" , 1 ] , "data" : { "y" : {"z":[]} , "series" : [ ] } } `))
	f.Fuzz(func(t *testing.T, doc []byte) {
		answer, got, err := readHistories(doc)
		var want vigil.CallReply
		var data vigil.QueryReply
		if err != nil || json.Unmarshal(doc, &want) != nil || json.Unmarshal(want.Data, &data) != nil {
			return
		}
		if !ambiguous(doc) && (answer.OK != want.OK || answer.Code != want.Code || answer.Message != want.Message) {
			t.Errorf("%s: %+v, want %+v", doc, answer, want)
		}
		if diff := cmp.Diff(data.Series, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" && !ambiguous(doc) {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	})
}

// ambiguous reports whether a document says something that no host writes and
// readers may differ on: members named twice or in another case, null, and
// numbers in strings.
func ambiguous(doc []byte) bool {
	var plain vigil.CallReply
	var data vigil.QueryReply
	if json.Unmarshal(doc, &plain) != nil || json.Unmarshal(plain.Data, &data) != nil {
		return true
	}
	inner, err := json.Marshal(data)
	if err != nil {
		return true
	}
	again, err := json.Marshal(vigil.Answered(inner, nil))
	return err != nil || string(again) != string(doc)
}
