package httpd_test

import (
	"net/http"
	"testing"
)

func TestApprove_TakesTheVersionThatWasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	f := func(body, match string, status int, code string, want int64) {
		t.Helper()
		w.locked(func() { w.approved = -7 })
		var header []string
		if match != "" {
			header = []string{"If-Match", match}
		}
		got := b.do(http.MethodPost, "/api/v1/remediations/rem-1:approve", body, header...)
		if got.status != status || status != http.StatusOK && got.m["code"] != code {
			t.Errorf("approve %s, If-Match %s: %d %s, want %d %s", body, match, got.status, got.body, status, code)
		}
		var seen int64
		w.locked(func() { seen = w.approved })
		if seen != want {
			t.Errorf("approve %s, If-Match %s: version %d is approved, want %d", body, match, seen, want)
		}
	}
	const none = -7
	f("", "", 200, "", 0)
	f("{}", "*", 200, "", 0)
	f("", `"3"`, 200, "", 3)
	f(`{"version": 4}`, "", 200, "", 4)
	f(`{"version": 4}`, `"4"`, 200, "", 4)
	f(`{"version": 4}`, `"5"`, 422, "version_invalid", none)
	f(`{"version": -1}`, "", 422, "version_invalid", none)
	f("", `W/"3"`, 422, "version_invalid", none)
	f(`{"verzion": 4}`, "", 400, "unknown_field", none)
}

func TestRemediation_ComesWithItsPreview(t *testing.T) {
	t.Parallel()
	got := start(t, newWorld(), nil).do(http.MethodGet, "/api/v1/remediations/rem-1", "")
	if p, _ := got.m["preview"].(map[string]any); p["known"] != 12.0 {
		t.Errorf("GET = %s, want a preview of 12 known targets", got.body)
	}
}
