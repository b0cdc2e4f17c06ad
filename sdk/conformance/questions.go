package conformance

import (
	"strings"

	"github.com/techmedaddy/vigil/sdk/abi"
)

func badInputs() []string {
	return []string{
		``, `{`, `[]`, `7`, `"service:web"`, `{} x`, `{"target":"service:web",}`, "{\"reason\":\"\n\"}", `{"reason":"\x"}`, "\x00",
		`{"target":"nowhere"}`, `{"target":"service:"}`, `{"target":":web"}`, `{"target":"service:-x"}`, `{"target":"service:a@"}`, `{"target":"service:a@b@c"}`,
		`{"target":"service:a:b"}`, `{"target":"@service:a"}`, `{"target":"disk:a"}`, `{"target":"service:a b"}`, `{"target":7}`, `{"target":{}}`,
		`{"attempt":"1"}`, `{"attempt":1.5}`, `{"attempt":true}`, `{"attempt":1e2}`, `{"attempt":9999999999999999999}`, `{"attempt":99999999999999999999}`, `{"dry_run":"no"}`, `{"dry_run":0}`, `{"reason":[]}`, `{"previous":1}`, `{"remediation":{}}`,
	}
}

func oddInputs() []string {
	return []string{
		" {\r\n\t\"target\" : \"service:web\" } ", `{"target":"\u0073ervice:web"}`, `{"target":"service:web@host-1","new":{"a":[1,null,{"b":"\ud83d\ude00"}]}}`,
		`{"target":"service:web","reason":null,"with":null,"dry_run":null,"attempt":null,"previous":null}`, `{"target":"service:a","target":"service:web"}`,
		`{"attempt":9007199254740993,"target":"service:web","with":{}}`, `{"attempt":-1,"target":"service:web","dry_run":false}`,
		`{"target":"service:web","reason":"` + strings.Repeat(`\"é`, 20_000) + `"}`,
	}
}

// heldInputs lead to no call, each for a reason.
func heldInputs() map[string]string {
	return map[string]string{
		`{}`:                     "target_unsupported",
		`{"target":""}`:          "target_unsupported",
		`{"target":"host:db-2"}`: "target_unsupported",
		`{"target":"service:web","with":{"x":1}}`: "settings_unknown_field",
		`{"target":"service:web","with":[]}`:      "settings_type",
		`{"target":"service:web","with":"x"}`:     "settings_type",
	}
}

type answer struct {
	reply string
	err   error
	want  end
}

func answers() []answer {
	long := strings.Repeat("é", 50_000)
	return []answer{
		{"", abi.ErrDenied, end{code: "capability_denied", message: "service.restart: denied"}},
		{"", abi.ErrUnsupported, end{code: "capability_unknown", message: "service.restart: unsupported"}},
		{"", abi.ErrInternal, end{code: "call_failed"}},
		{``, nil, end{code: "action_failed"}},
		{`nonsense`, nil, end{code: "action_failed"}},
		{`[]`, nil, end{code: "action_failed"}},
		{`{"ok":true}x`, nil, end{code: "action_failed"}},
		{`{"ok":"yes"}`, nil, end{code: "action_failed"}},
		{`{"ok":true,"code":1}`, nil, end{code: "action_failed"}},
		{`{"ok":true,"data":[]}`, nil, end{code: "action_failed"}},
		{`{"ok":true,"data":"web"}`, nil, end{code: "action_failed"}},
		{`{"ok":false,"code":"service_busy","message":"b\"u\u0073y\n"}`, nil, end{code: "service_busy", message: "service.restart: b\"usy\n"}},
		{`{"message":"\\ \u0001 \ud800","code":"x"}`, nil, end{code: "x", message: "service.restart: \\ \x01 \uFFFD"}},
		{`{"code":"long","message":"` + long + `"}`, nil, end{code: "long", message: "service.restart: " + long}},
		{`{"ok":true,"code":"late","ok":false}`, nil, end{code: "late"}},
		{`{"ok":true}`, nil, end{ok: true}},
		{`{"ok":true,"data":null,"message":null}`, nil, end{ok: true}},
		{" {\n\"data\" : { \"pid\" : 1234567 , \"pid_before\" : 7 , \"service\" : \"web\" } , \"ok\" : true } ", nil, end{ok: true, message: "restarted web: pid 7 became 1234567"}},
		{`{"ok":true,"data":{"service":"web","pid":0,"pid_before":7}}`, nil, end{ok: true, message: "restarted web"}},
	}
}
