package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGoldenErrors compares the whole text of errors with testdata/*.txt. The
// file holds the source, a line of dashes, and the error.
func TestGoldenErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, want, ok := strings.Cut(string(data), "\n----\n")
			if !ok {
				t.Fatalf("%s has no line of dashes", file)
			}
			_, err = Decode("labeljoin.yaml", []byte(src+"\n"))
			if err == nil {
				t.Fatal("there is no error")
			}
			if got := err.Error() + "\n"; got != want {
				t.Errorf("the error is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// wrong is a setting, what it is reported at, and a part of the message.
type wrong struct{ src, path, want string }

// expectProblems holds a configuration with the setting to being refused for
// it, in its place.
func expectProblems(t *testing.T, cases []wrong) {
	t.Helper()
	for _, c := range cases {
		_, err := Decode("", []byte(minimal+c.src+"\n"))
		var known *Error
		if !errors.As(err, &known) {
			t.Errorf("%s: error %v is not ours", c.src, err)
			continue
		}
		i := slices.IndexFunc(known.Problems, func(p Problem) bool {
			return p.Path == c.path && strings.Contains(p.Message, c.want)
		})
		if i < 0 {
			t.Errorf("%s: want %s: %s in\n%v", c.src, c.path, c.want, err)
			continue
		}
		// The first line is the labels'; only what is not there at all may stand there.
		if p := known.Problems[i]; p.Line < 2 && strings.Contains(c.src, c.path[strings.LastIndex(c.path, ".")+1:]) {
			t.Errorf("%s: the problem is placed at %d:%d", c.src, p.Line, p.Column)
		}
	}
}

// TestConnectionProblems is about the server and the login.
func TestConnectionProblems(t *testing.T) {
	expectProblems(t, []wrong{
		{"nats: {url: 'localhost:4222'}", "nats.url", "is no server address"},
		{"nats: {url: [tls://a:1]}", "nats.url[0]", "put it in quotes"},
		{"nats: {url: 'http://x:1'}", "nats.url", "has scheme http"},
		{"nats: {url: ['nats://a:1', 'nats://u:p@b:1']}", "nats.url[1]", "holds a user or password"},
		{"nats: {url: 'nats://a:1', embedded: true}", "nats.url", "remove one of the two"},
		{"nats: {port: 4222}", "nats.port", "without embedded: true"},
		{"nats: {embedded: true, port: 70000}", "nats.port", "out of bounds"},
		{"nats: {embedded: true, listen: 'a b'}", "nats.listen", "no address"},
		{"nats: {embedded: true, token: '${A}'}", "nats", "its own password"},
		{"nats: {embedded: true, tls: {}}", "nats.tls", "elsewhere"},
		{"nats: {creds: a, token: '${A}'}", "nats.token", "keep one"},
		{"nats: {user: '${A}'}", "nats.user", "goes together with a password"},
		{"nats: {user: joiner}", "nats.user", "goes together with a password"},
		{"nats: {url: 'nats://bob:S3cret/PW@host:4222'}", "nats.url", "holds a user or password"},
		{"nats: {url: 'nats://bob:12/PW@host:4222'}", "nats.url", "holds a user or password"},
		{"nats: {url: ['nats://a:1', 'nats://bob:S3c,ret?PW@host:4222']}", "nats.url[1]", "holds a user or password"},
		{"nats: {embedded: true, auth: none, listen: 0.0.0.0}", "nats.auth", "listen on 127.0.0.1"},
		{"nats: {embedded: true, auth: some}", "nats.auth", "local, password, none"},
		{"nats: {auth: none}", "nats.auth", "without embedded"},
		{"nats: {inbox_prefix: '_INBOX_j.>'}", "nats.inbox_prefix", "has a wildcard"},
		{"nats: {inbox_prefix: '_INBOX_j.'}", "nats.inbox_prefix", ""},
		{"nats: {inbox_prefix: ''}", "nats.inbox_prefix", ""},
		{"nats: {embedded: true, inbox_prefix: _INBOX_j}", "nats.inbox_prefix", "has no effect"},
		{"nats: {password: '${A}'}", "nats.password", "goes together with a user"},
		{"nats: {user: '${A}', password: '${B}', password_file: x}", "nats.password_file", "keep one"},
		{"nats: {token: abc}", "nats.token", "secrets are not written"},
		{"nats: {password: '${A B}'}", "nats.password", "secrets are not written"},
		{"nats: {tls: {cert: a}}", "nats.tls", "both cert and key"},
	})
}

// TestInputProblems is about subjects and streams.
func TestInputProblems(t *testing.T) {
	expectProblems(t, []wrong{
		{"inputs: {requests: {subject: 'a..b'}}", "inputs.requests.subject", "no subject"},
		{"inputs: {requests: {subject: '>.a'}}", "inputs.requests.subject", "no subject"},
		{"inputs: {requests: {subject: 'a b'}}", "inputs.requests.subject", "no subject"},
		{"inputs: {requests: {subject: '$JS.API'}}", "inputs.requests.subject", "server itself"},
		{"inputs: {requests: {subject: 'a.*'}, outcomes: {subject: '*.b'}}", "inputs.outcomes.subject", "in common"},
		{"inputs: {requests: {subject: '>'}}", "inputs.outcomes.subject", "in common"},
		{"inputs: {requests: {stream: 'a.b'}}", "inputs.requests.stream", "no name of a stream"},
		{"inputs: {outcomes: {time_unit: sec}}", "inputs.outcomes.time_unit", "not known"},
		{"inputs: {outcomes: {heartbeat: requird}}", "inputs.outcomes.heartbeat", `did you mean "required"`},
		{"publish: {subject: 'labels.>'}", "publish.subject", "wildcard"},
		{"publish: {subject: 'requests.labels'}", "publish.subject", "come back as an event"},
		{"publish: {create: true}", "publish.subject", "no subject"},
	})
}

// TestJoinProblems is about the join.
func TestJoinProblems(t *testing.T) {
	expectProblems(t, []wrong{
		{"join: {window: 0s}", "join.window", "too short"},
		{"join: {window: 30}", "join.window", "has no unit"},
		{"join: {window: 5 minutes}", "join.window", "not a duration"},
		{"join: {window: 4000d}", "join.window", "too long"},
		{"join: {window: 99999999999999h}", "join.window", "not a duration"},
		{"join: {lateness: -1m}", "join.lateness", "-1m is negative"},
		{"join: {clock_skew: -1ns}", "join.clock_skew", "negative"},
		{"join: {corrections: -1h}", "join.corrections", "negative"},
		{"join: {max_future: 0s}", "join.max_future", "too short"},
		{"join: {max_age: 89m}", "join.max_age", "at least 1h30m"},
		{"join: {window: 3650d, max_age: 3650d}", "join.max_age", "are 7300d together, and no event may be older than 3650d"},
		{"join: {window: 30m, corrections: 3650d}", "join.max_age", "shorten the window, or corrections"},
		{"join: {rows: items}", "join.rows", `did you mean "item"`},
		{"join: {negatives: seen}", "join.negatives", "impression"},
		{"join: {impression: 'true'}", "join.impression", "no effect"},
		{"join: {negatives: above_last_positive, rows: request}", "join.negatives", "rows: request"},
		{"join: {sample_negatives: 0}", "join.sample_negatives", "no share"},
		{"join: {sample_negatives: 1.5}", "join.sample_negatives", "no share"},
		{"join: {sample_negatives: .nan}", "join.sample_negatives", "not a number"},
		{"join: {emit: eech}", "join.emit", `did you mean "each"?`},
	})
}

// TestOutputProblems is about columns, folders and numbers.
func TestOutputProblems(t *testing.T) {
	expectProblems(t, []wrong{
		{"features: {separator: ''}", "features.separator", "no separator"},
		{"features: {declare: {age: int}}", "features.declare.age", "int64"},
		{"features: {declare: {score: double}}", "features.declare.score", "output.rename"},
		{"features: {declare: {Clicked: double}}", "features.declare.Clicked", "label clicked"},
		{"output: {rename: {a: x, b: x}}", "output.rename.b", "feature a"},
		{"output: {rename: {a: clicked_ts}}", "output.rename.a", "time column of label clicked"},
		{"output: {rename: {'': x}}", "output.rename", "no name of a column"},
		{"output: {rename: {a: Score}}", "output.rename.a", "every output has"},
		{"output: {rename: {a: }}", "output.rename.a", "has no value"},
		{"output: {dir: state}", "output.dir", "side by side"},
		{"output: {dir: .}", "output.dir", "side by side"},
		{"output: {dir: ''}", "output.dir", "is empty"},
		{"output: {roll: {rows: 0}}", "output.roll.rows", "out of bounds"},
		{"output: {roll: {rows: 1.5}}", "output.roll.rows", "whole number"},
		{"output: {roll: {rows: many}}", "output.roll.rows", "not a number"},
		{"output: {roll: {size: 1000000}}", "output.roll.size", "has no unit"},
		{"output: {roll: {interval: 1ns}}", "output.roll.interval", "too short"},
		{"state: {cache: 1B}", "state.cache", "out of bounds"},
		{"limits: {event_bytes: 1GiB}", "limits.event_bytes", "out of bounds"},
		{"limits: {depth: 100000}", "limits.depth", "out of bounds"},
		{"limits: {outcomes_per_request: 0}", "limits.outcomes_per_request", "out of bounds"},
	})
}

// TestNotationProblems is about what is not the notation of a setting.
func TestNotationProblems(t *testing.T) {
	expectProblems(t, []wrong{
		{"name: 'two words'", "name", "is no name"},
		{"log: {format: jsn}", "log.format", `did you mean "json"`},
		{"log: [a]", "log", "a list stands where settings belong, as name: value; there are level, format"},
		{"output: labeled", "output", `"labeled" stands where settings belong, as name: value; there are dir, `},
		{"http: 8080", "http", "8080 stands where settings belong, as name: value; there are listen, "},
		{"guard: {usual: 50%}", "guard.usual", `"50%" is not a number: write 0.5`},
		{"inputs: {clicks: {subject: c, kind: outcomes}}", "inputs.clicks.kind", `"outcomes" is not known; did you mean "outcome"? it is request or outcome; an expression needs a map beside it`},
		{"inputs: {a: {subject: c, kind: request, map: {features: {x: event.y}}}}", "inputs.a.map.features", "a block of settings stands where text belongs: put it in quotes"},
		{"name: 12", "name", "write it in quotes"},
		{"name: true", "name", "write it in quotes"},
		{"name:", "name", "has no value"},
		{"name: &a x", "name", "anchors"},
		{"name: !!str x", "name", "anchors"},
		{"nats: {embedded: yes}", "nats.embedded", "not true or false"},
		{"nats: {url: [1, a: b]}", "nats.url[1]", "a block of settings stands where text belongs: put it in quotes"},
		{"name: [a]", "name", "a list stands where text belongs: put it in quotes"},
		{"Join: {}", "Join", `did you mean "join"`},
		{"partitions: 3", "partitions", "there are name, nats"},
		{"name: a\nname: b", "name", "is there twice"},
	})
}

func TestLabelProblems(t *testing.T) {
	for _, c := range []struct{ src, path, want string }{
		{"labels: {}", "labels", "there are no labels"},
		{"labels:", "labels", "there are no labels"},
		{"labels: [a]", "labels", "a list stands where settings belong, as name: value"},
		{"labels: {a: }", "labels.a", "has no condition: write one, like `a: 'type == \"click\"'`"},
		{"labels: {a: {window: 3d}}", "labels.a.when", "is missing"},
		{"labels: {a: {when: ' '}}", "labels.a.when", "is missing"},
		{"labels: {a: {when: 'true', from: 30m}}", "labels.a.from", "30m is not before the end of the window (30m)"},
		{"labels: {a: {when: 'true', window: 1h, from: -1s}}", "labels.a.from", "negative"},
		{"labels: {1a: x}", "labels.1a", "no name of a label"},
		{"labels: {a-b: x}", "labels.a-b", "no name of a label"},
		{"labels: {é: x}", "labels.é", "no name of a label"},
		{"labels: {" + strings.Repeat("a", 65) + ": x}", "labels." + strings.Repeat("a", 65), "no name of a label"},
		{"labels: {Weight: x}", "labels.Weight", "every output has"},
		{"labels: {request: x}", "labels.request", "request_ts is one that every output has"},
		{"labels: {a: x, A: x}", "labels.A", "label a"},
		{"labels: {a: x, a_ts: x}", "labels.a_ts", "time column of label a"},
		{"labels: {a_ts: x, a: x}", "labels.a", "label a_ts"},
		{"labels: {a: {when: x, value: avg}}", "labels.a.value", "any, count, sum, mean"},
		{"labels: {a: x, b: {of: a == 1, when: x}}", "labels.b.of", "keep one of the two"},
		{"labels: {a: x, b: {of: a == 1, window: 7d}}", "labels.b.window", "no effect beside `of`"},
		{"labels: {a: {when: x, value: summ}}", "labels.a.value", `did you mean "sum"?`},
		{"labels: {a: {when: x, value: 'count(attrs.x)'}}", "labels.a.value", "write count"},
		{"labels: {a: {when: x, value: 'sum(${X})'}}", "labels.a.value", "variables are read for secrets only"},
		{"labels: {a: {when: x, window: -1h}}", "labels.a.window", "negative"},
		{"labels: {a: {when: x, window: 0s}}", "labels.a.window", "too short"},
		{"labels: {a: x, a: y}", "labels.a", "is there twice"},
		{"labels: {a: {when: x, emit: early}}", "labels.a.emit", "close, each"},
		{"join: {emit: early}\nlabels: {a: {when: x, emit: each}}", "labels.a.emit", "choose one of the two"},
		{"join: {emit: each, sample_negatives: 0.5}\nlabels: {a: x, b: {when: x, window: 1d}}", "join.emit", "export.sample"},
		{"join: {negatives: above_last_positive}\nlabels: {a: x, b: {when: x, window: 1d, emit: each}}", "labels.b.emit",
			"negatives: above_last_positive"},
		{"join: {emit: each}\nlabels: {a: x, pending: {when: x, window: 1d}}", "labels.pending", "not final"},
		{"labels: {a: {when: x, windw: 1h}}", "labels.a.windw", `did you mean "window"`},
		{"labels:\n  <<: {a: x}", "labels", "cannot be a key"},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := Decode("", []byte(c.src+"\n"))
			if err == nil || !strings.Contains(err.Error(), c.path+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: want %s: %s in\n%v", c.src, c.path, c.want, err)
			}
		})
	}
}

func TestEveryReservedColumnIsRefused(t *testing.T) {
	for _, column := range ReservedColumns() {
		if _, err := Decode("", fmt.Appendf(nil, "labels: {%s: x}\n", column)); err == nil {
			t.Errorf("a label may be called %s", column)
		}
	}
}

func TestNoSecretInErrors(t *testing.T) {
	const secret = "s3cr3t"
	for _, src := range []string{
		"nats: {token: s3cr3t, tokn: 1}", "nats:\n  password: 's3cr3t\n", "nats: {password: \"s3cr3t\", urll: x, user: ${A}}",
		"nats: {\"token\": s3cr3t", "nats: {url: 'nats://me:s3cr3t@host:1', urll: 3}", "nats: {url: 'nats://me:p/s3cr3t@host:1', urll: 3}", "nats: {url: 'nats://me:p,s3cr3t@host:1', urll: 3}", "nats: {user: '${A}', password: s3cr3t, x: y}",
		"nats: {token: {a: s3cr3t}}", "nats: {url: ['nats://s3cr3t@h:1', 3]}", "nats:\n  token: s3cr3t\n\tx: y", "nats: {token: 's3cr3t}",
		"nats:\n  token: |\n    s3cr3t\n  urll: y", "nats: {Token: s3cr3t}",
	} {
		_, err := Decode("labeljoin.yaml", []byte(src))
		if err == nil {
			t.Errorf("%s is accepted", src)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s\ngives the secret away:\n%v", src, err)
		}
	}
}

func TestProblemsOfOthersGetTheirPlace(t *testing.T) {
	c := decodeOK(t, "labels:\n  a:\n    when: x\n  b: y\n")
	for path, want := range map[string][2]int{
		"labels.a.when": {3, 11}, "labels.b.when": {4, 6}, "labels.b.window": {4, 6}, "join.impression": {1, 1},
	} {
		t.Run(path, func(t *testing.T) {
			p := c.Problem(path, "is wrong")
			if got := [2]int{p.Line, p.Column}; got != want {
				t.Errorf("%s is at %v, want %v", path, got, want)
			}
		})
	}
	if err := c.Fail(); err != nil {
		t.Errorf("no problems are the error %v", err)
	}
}

func TestNotYAML(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"\xff\xfe", "not UTF-8"},
		{"a: 1\n---\nb: 2\n", "2:1"},
		{strings.Repeat("#", maxSource+1), "at most 256KiB"},
		{"just words", "stands where settings belong, as name: value"},
		{"labels\n  a: 'true'\n", "is a colon missing in this line"},
		{"labels:\n  a: 'true'\noutput\nlog: {}\n", "is a colon missing in this line"},
		{"features: {declare: {tags: string[]}}", "within { and }, a text with brackets, quotes or a comma stands in quotes"},
		{"inputs: {a: {map: {ts: event[\"at\"]}}}", "within { and }, a text with brackets, quotes or a comma stands in quotes"},
		{"labels: [a]\n  b: 'true'\n", "is this line indented by mistake"},
		{"a: [", "not YAML"},
		{"a: b: c", "put the value in quotes"},
		{"labels:\n\ta: 'true'\n", "indent with spaces"},
		{"labels:\n  a: value > 1 ? true : false\n", "put the value in quotes"},
		{"labels:\n  a: 'type == 'click''\n", "put the whole value in quotes"},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := Decode("f", []byte(c.src))
			var known *Error
			if !errors.As(err, &known) || len(known.Problems) != 1 || !strings.Contains(err.Error(), c.want) && c.want != "2:1" {
				t.Errorf("%.20q gives %v, want one problem: %s", c.src, err, c.want)
			}
		})
	}
}

// TestNothingIsSaidTwice: one mistake is one problem, though defaults are computed from it and
// what could not be read is missing.
func TestNothingIsSaidTwice(t *testing.T) {
	for _, c := range []struct{ src, path string }{
		{"join: {window: 0s}\nlabels: {a: 'true'}", "join.window"},
		{"join: {window: 100000d}\nlabels: {a: 'true'}", "join.window"},
		{"join: {window: -1h}\nlabels: {a: 'true', b: 'true'}", "join.window"},
		{"join: {corrections: 100000d}\nlabels: {a: 'true'}", "join.corrections"},
		{"label: {a: 'true'}", "label"},
		{"labels:\n  a: !has_value\n", "labels.a"},
		{"labels: {a: {when: 'true', window: 0s}}", "labels.a.window"},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := Decode("f", []byte(c.src))
			var known *Error
			if !errors.As(err, &known) || len(known.Problems) != 1 || known.Problems[0].Path != c.path {
				t.Errorf("it gives\n%v\nwant one problem, of %s", err, c.path)
			}
		})
	}
}

func TestManyProblemsAreCutShort(t *testing.T) {
	var src strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&src, "k%d: 1\n", i)
	}
	_, err := Decode("f", []byte(src.String()+minimal))
	if err == nil || !strings.HasSuffix(err.Error(), "and 980 more") {
		t.Errorf("a thousand problems are told as\n%v", err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"window", "when", "value", "corrections"}
	for name, want := range map[string]string{
		"windw": "window", "widnow": "window", "WINDOW": "window", "whne": "when", "correction": "corrections",
		"corections": "corrections", "size": "", "": "", "w": "", "outcomes": "",
	} {
		t.Run(name, func(t *testing.T) {
			if got := Nearest(name, known); got != want {
				t.Errorf("nearest to %q is %q, want %q", name, got, want)
			}
		})
	}
}
