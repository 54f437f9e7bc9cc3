package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// nats checks the connection.
func (v *checker) nats() {
	n := &v.NATS
	switch {
	case n.Embedded && len(n.URL) > 0:
		v.add("nats.url", "has no effect with embedded: true, which runs the server itself: remove one of the two")
	case n.Embedded && n.TLS != nil:
		v.add("nats.tls", "is for connections to a server elsewhere: remove it or embedded: true")
	case !n.Embedded:
		for _, key := range []string{"listen", "port", "auth"} {
			if v.source.has("nats." + key) {
				v.add("nats."+key, "has no effect without embedded: true: remove it, or write the server's address as url")
			}
		}
	}
	for i, one := range n.URL {
		path := "nats.url"
		if item := path + "[" + strconv.Itoa(i) + "]"; v.source.has(item) {
			path = item
		}
		v.url(path, one)
	}
	if n.Embedded && net.ParseIP(n.Listen) == nil && n.Listen != "localhost" {
		v.add("nats.listen", "%q is no address to listen on: write an IP address, like 127.0.0.1", clipped(n.Listen))
	}
	v.between("nats.port", n.Port, 0, 65535)
	v.word("nats.auth", string(n.Auth), n.Auth.words())
	if n.Embedded && n.Auth == AuthNone && !isLoopback(n.Listen) {
		v.add("nats.auth", "none would let everyone who reaches %s read, publish and delete events: remove it, or listen on 127.0.0.1", clipped(n.Listen))
	}
	v.login()
	v.inboxPrefix()
	if tls := n.TLS; tls != nil && (tls.Cert == "") != (tls.Key == "") {
		v.add("nats.tls", "mutual TLS needs both cert and key: one of them is missing")
	}
}

// inboxPrefix checks the subject below which answers come.
func (v *checker) inboxPrefix() {
	switch prefix := v.NATS.InboxPrefix; {
	case prefix == "" && !v.source.has("nats.inbox_prefix"):
	case v.NATS.Embedded:
		v.add("nats.inbox_prefix", "has no effect on the embedded server: remove it")
	case strings.ContainsAny(prefix, "*>"):
		v.add("nats.inbox_prefix", "%q has a wildcard: write _INBOX_feed for a user who may subscribe to _INBOX_feed.>", clipped(prefix))
	default:
		v.subject("nats.inbox_prefix", prefix)
	}
}

// isLoopback reports whether only this machine reaches an address.
func isLoopback(listen string) bool {
	ip := net.ParseIP(listen)
	return listen == "localhost" || ip != nil && ip.IsLoopback()
}

// url checks one server address. Its text is not repeated in errors, because it
// may hold a password.
func (v *checker) url(path, text string) {
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"): // wherever it stands: a password may have a slash in it
		v.add(path, "holds a user or password: use nats.user and nats.password (or nats.token) with ${NAME}, which are read from the environment")
	case err != nil || u.Host == "" || strings.ContainsFunc(text, unicode.IsSpace):
		v.add(path, "is no server address: write it like %s", defaultURL)
	case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
		v.add(path, "has scheme %s: it is nats, tls, ws or wss", clipped(u.Scheme))
	}
}

// login checks that there is at most one way to say who one is.
func (v *checker) login() {
	n := &v.NATS
	var ways []string
	for _, way := range []struct {
		name  string
		given bool
	}{
		{"creds", n.Creds != ""}, {"nkey", n.NKey != ""}, {"token", n.Token.Given()}, {"token_file", n.TokenFile != ""},
		{"user", n.User.Given()},
	} {
		if way.given {
			ways = append(ways, way.name)
		}
	}
	var passwords []string
	for _, way := range []struct {
		name  string
		given bool
	}{{"password", n.Password.Given()}, {"password_file", n.PasswordFile != ""}} {
		if way.given {
			passwords = append(passwords, way.name)
		}
	}
	switch {
	case n.Embedded && len(ways)+len(passwords) > 0:
		v.add("nats", "the embedded server makes its own password (see nats.auth): remove the credentials, or embedded: true")
	case len(ways) > 1:
		v.add("nats."+ways[1], "there are several ways to log in (%s): keep one", strings.Join(ways, ", "))
	case len(passwords) > 1:
		v.add("nats.password_file", "there are both password and password_file: keep one")
	case n.User.Given() && len(passwords) == 0:
		v.add("nats.user", "goes together with a password: add password: ${NAME} or password_file, or remove it")
	case len(passwords) == 1 && !n.User.Given():
		v.add("nats."+passwords[0], "goes together with a user: add user, or remove it")
	}
}

// mostInputs and mostSubjects bound what is looked at for every message.
const (
	mostInputs   = 200
	mostSubjects = 50 // of an input
)

// inputs checks the subjects that events come from and labels go to.
func (v *checker) inputs() {
	if n := len(v.Inputs.List); n > mostInputs {
		v.add("inputs", "there are %d inputs: %d are allowed", n, mostInputs)
		return
	}
	for i := range v.Inputs.List {
		v.input(&v.Inputs.List[i])
		for j := range i {
			v.apart(&v.Inputs.List[i], &v.Inputs.List[j])
		}
	}
	v.bothKinds()
	v.publish()
	v.monitor()
}

func (v *checker) input(in *Input) {
	at := join("inputs", in.Name)
	if !isName(in.Name, "-") {
		v.add(at, "%q is no name of an input: use up to 64 letters, digits, _ and -, the first a letter or _",
			clipped(in.Name))
	}
	if len(in.Subject) == 0 {
		hint := ""
		if near := Nearest(in.Name, []string{InputRequests, InputOutcomes}); near != "" {
			hint = ", or did you mean the input " + near + "?"
		}
		v.add(join(at, "subject"), "is missing: say which subject has the messages of input %s%s", clipped(in.Name), hint)
	}
	if n := len(in.Subject); n > mostSubjects {
		v.add(join(at, "subject"), "there are %d subjects: %d are allowed, use a wildcard", n, mostSubjects)
	}
	for i, subject := range in.Subject {
		v.subject(v.item(join(at, "subject"), i), subject)
	}
	for i, stream := range in.Stream {
		v.stream(v.item(join(at, "stream"), i), stream)
	}
	v.word(join(at, "time_unit"), string(in.TimeUnit), TimeAuto.words())
	v.word(join(at, "heartbeat"), string(in.Heartbeat), HeartbeatOptional.words())
	in.check(func(key, format string, args ...any) { v.add(join(at, key), format, args...) })
}

// item is the place of an element of a list, or of the text that stands for a list.
func (v *checker) item(path string, i int) string {
	if item := path + "[" + strconv.Itoa(i) + "]"; v.source.has(item) {
		return item
	}
	return path
}

// apart checks that no message can be of two inputs.
func (v *checker) apart(in, other *Input) {
	if len(in.Stream) > 0 && len(other.Stream) > 0 && !slices.ContainsFunc(in.Stream,
		func(s string) bool { return slices.Contains(other.Stream, s) }) {
		return
	}
	for i, subject := range in.Subject {
		for _, taken := range other.Subject {
			if overlap(subject, taken) {
				v.add(v.item(join("inputs", in.Name, "subject"), i),
					"%s and the subject %s of input %s have messages in common, and a message is of one input: choose subjects apart",
					clipped(subject), clipped(taken), other.Name)
			}
		}
	}
}

// bothKinds checks that requests and outcomes can come, as far as that is known without
// the mappings, and that events of a kind are decoded in one way.
func (v *checker) bothKinds() {
	units := map[string]*Input{}
	can := map[string]bool{}
	for i := range v.Inputs.List {
		in := &v.Inputs.List[i]
		for _, kind := range []string{KindRequest, KindOutcome} {
			can[kind] = can[kind] || in.Brings(kind)
		}
		if !in.Native() {
			continue // it says itself how its times are read
		}
		if first := units[in.Kind]; first != nil && first.TimeUnit != in.TimeUnit {
			v.add(join("inputs", in.Name, "time_unit"),
				"it is %s, and that of input %s is %s: events of one kind in labeljoin's own format have one unit; "+
					"give this input a map, with time()",
				in.TimeUnit, first.Name, first.TimeUnit)
		}
		units[in.Kind] = in
	}
	for _, kind := range []string{KindRequest, KindOutcome} {
		if !can[kind] {
			v.add("inputs", "no input has kind %s: nothing could ever be joined", kind)
		}
	}
}

func (v *checker) publish() {
	p := v.Publish
	if p == nil {
		return
	}
	v.subject("publish.subject", p.Subject)
	v.stream("publish.stream", p.Stream)
	if strings.ContainsAny(p.Subject, "*>") {
		v.add("publish.subject", "%s has a wildcard: labels go to one subject, name it", clipped(p.Subject))
		return
	}
	v.noInput("publish.subject", p.Subject, "every label")
}

// noInput checks that what is published does not come back.
func (v *checker) noInput(path, subject, what string) {
	for i := range v.Inputs.List {
		for _, input := range v.Inputs.List[i].Subject {
			if overlap(subject, input) {
				v.add(path, "%s is also an input (%s), so %s would come back as an event: choose another subject",
					clipped(subject), clipped(input), what)
			}
		}
	}
}

// subject checks that a subject is one: tokens with dots between, * for a
// token and > for the rest (docs.nats.io, "Subject-Based Messaging").
func (v *checker) subject(path, subject string) {
	tokens := strings.Split(subject, ".")
	odd := func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }
	for i, token := range tokens {
		wild := strings.ContainsAny(token, "*>") && len(token) > 1
		if token == "" || wild || strings.ContainsFunc(token, odd) || token == ">" && i < len(tokens)-1 {
			v.add(path, "%q is no subject: write names with dots between, * for one of them, > for all that follow, like requests.>", clipped(subject))
			return
		}
	}
	if tokens[0] == "$JS" || tokens[0] == "$SYS" {
		v.add(path, "%s belongs to the NATS server itself: choose another subject", clipped(subject))
	}
}

// stream checks a stream's name; an empty one is found by subject.
func (v *checker) stream(path, name string) {
	odd := func(c rune) bool {
		return strings.ContainsRune(`.*>/\`, c) || unicode.IsSpace(c) || unicode.IsControl(c)
	}
	if len(name) > 255 || strings.ContainsFunc(name, odd) {
		v.add(path, "%q is no name of a stream: it has no spaces and none of . * > / \\", clipped(name))
	}
}

// overlap reports whether a message can match both subjects.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if as[i] == ">" || bs[i] == ">" {
			return true
		}
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return len(as) == len(bs)
}
