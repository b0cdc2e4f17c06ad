package httpd_test

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestClient_SetsAndLiftsBrakes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.policies["cpu-high"] = flow.PolicyRow{}
	c, _ := connect(t, w)
	ctx := t.Context()
	p := must[vigil.Pause](t)(c.Pause(ctx, client.PauseWish{Reason: "moving", Policy: "cpu-high", For: vigil.Duration(time.Hour)}))
	if p.By != "local" || p.Holder != "" || p.Policy != "cpu-high" || !p.Expires.Equal(time.Unix(3600, 0)) {
		t.Errorf("pause = %+v", p)
	}
	must[vigil.Pause](t)(c.Pause(ctx, client.PauseWish{Reason: "moving", Holder: "change-7", Target: "service:web@*"}))
	if got := must[[]vigil.Pause](t)(c.Pauses(ctx)); len(got) != 2 || got[1].Target != "service:web@*" {
		t.Errorf("pauses = %+v", got)
	}
	if got := must[[]vigil.Pause](t)(c.Resume(ctx, "change-7")); len(got) != 1 {
		t.Errorf("after change-7 resumed: %+v, want one", got)
	}
	weekly := client.MaintenanceWish{Name: "weekly", Cron: "0 2 * * SUN", Duration: vigil.Duration(2 * time.Hour), TZ: "Europe/Berlin", Target: "host:db-2"}
	if got := must[vigil.Window](t)(c.SetMaintenance(ctx, weekly)); got.Name != "weekly" || got.TZ != "Europe/Berlin" || got.By != "local" || got.Target != "host:db-2" {
		t.Errorf("window = %+v", got)
	}
	if got := must[[]vigil.Window](t)(c.Maintenance(ctx)); len(got) != 1 {
		t.Errorf("windows = %+v", got)
	}
	if err := c.RemoveMaintenance(ctx, "weekly"); err != nil {
		t.Error(err)
	}
}

func TestBrakes_RefuseWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	_, b := connect(t, newWorld())
	f := func(path, body string, status int, code string) {
		t.Helper()
		b.do("POST", path, body).want(t, status, code)
	}
	const pauses, windows = "/api/v1/pauses", "/api/v1/maintenance"
	f(pauses, `{"reason":"r","for":"-1h"}`, 422, "bad_duration")
	f(pauses, `{"reason":"r","for":"0s"}`, 422, "duration_invalid")
	f(pauses, `{"reason":"r","for":"1h","until":"2030-01-01T00:00:00Z"}`, 422, "duration_invalid")
	f(pauses, `{"reason":"r","until":"tomorrow"}`, 400, "json_invalid")
	f(pauses, `{"reason":"r","policy":"nosuch"}`, 404, "policy_not_found")
	f(pauses, `{"reason":"r","policy":"a","target":"host:b"}`, 422, "scope_invalid")
	f(pauses, `{"reason":"r","target":"*"}`, 422, "scope_invalid")
	f(pauses, `{"reason":"r","by":"somebody else"}`, 400, "unknown_field")
	f(windows, `{"name":"w","cron":"0 2 * * *","duration":"1h","for":"1h"}`, 422, "maintenance_invalid")
	f(windows, `{"name":"w","for":"0s"}`, 422, "duration_invalid")
	f(windows, `{"name":"w","open":true}`, 400, "unknown_field")
}
