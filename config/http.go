package config

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HTTP is where the joiner answers about itself (metrics, health, status), and where it
// takes events.
type HTTP struct {
	// The address and the port, like 127.0.0.1:8428. Status and metrics need no login, so
	// give an address that only those who may read them can reach. Pages that show values
	// of events need a token where other machines reach the address (tokens_file).
	//
	// Default: without one, the joiner does not listen: what it says is for those who
	// asked for it.
	Listen string `yaml:"listen"` // host:port; empty: it does not listen
	// The path of a file with tokens, one a line, each of at least 16 characters. Who has
	// one may look at the pages that show values of events: features, labels, events,
	// requests and shards. A browser asks for it as a password, with any user name; other
	// clients send the header Authorization: Bearer TOKEN. The file is read again when it
	// changes.
	//
	// Default: on an address of this machine alone, these pages need no token. On any other
	// address they are not shown. Behind a proxy all requests come from this machine: give
	// this file there too.
	TokensFile string `yaml:"tokens_file"`
	// Events by HTTP, for producers without a NATS client. Without this block, none are
	// taken.
	Ingest *Ingest `yaml:"ingest"` // nil: none
}

// Ingest is the block `http.ingest`.
type Ingest struct {
	// The address and the port at which events are taken. An address that other machines
	// reach needs tokens_file or tls.client_ca.
	//
	// Default: 127.0.0.1:8427, which only this machine reaches.
	Listen string `yaml:"listen"`
	// The path of a file with the tokens of producers, one a line: the token, of at least
	// 16 characters, and the inputs that it is for, if it is not for all. The file is read
	// again when it changes.
	//
	// Default: on an address of this machine alone, a token protects little.
	TokensFile string `yaml:"tokens_file"`
	// The certificate with which producers know the joiner. Without this block, events
	// come unencrypted.
	TLS *IngestTLS `yaml:"tls"` // nil: none
	// The origins whose web pages may send events, like https://shop.example, or * for all.
	//
	// Default: none. A web page that was not named must not reach a service on this
	// machine.
	CORS Texts `yaml:"cors"`
	// The subject that the events of an input are published to, by the name of the input.
	//
	// Default: the subject of the input; http stands where the subject has a wildcard, so
	// that requests.> becomes requests.http. An input with several subjects needs one.
	Subjects map[string]string `yaml:"subjects"`
	// The largest body of a request, as it comes and decompressed. From 1KiB to 256MiB.
	//
	// Default: ten thousand events of a usual size, a hundred times the batches that
	// collectors send.
	MaxBody Size `yaml:"max_body"`
	// How many connections are open at once. When there are more, the one that has been
	// idle longest is closed. From 1 to 100000.
	//
	// Default: half of the files that a process may have open on many systems.
	MaxConnections int64 `yaml:"max_connections"`
	// How long a request may take to come. From 1s to 1h.
	//
	// Default: the largest body in that time needs 2 Mbit/s.
	Timeout Duration `yaml:"timeout"`
}

// IngestTLS is the block `http.ingest.tls`.
type IngestTLS struct {
	// The path of the certificate (PEM), with those that it depends on. It is read again
	// when it changes.
	//
	// Default: none. The block needs one.
	Cert string `yaml:"cert"`
	// The path of the key (PEM) of the certificate.
	//
	// Default: none. The block needs one.
	Key string `yaml:"key"`
	// The path of the certificates (PEM) that the certificate of a producer must be signed
	// with, for mutual TLS.
	//
	// Default: producers need no certificate.
	ClientCA string `yaml:"client_ca"`
}

// defaultIngestListen is where events are taken unless an address is given.
const defaultIngestListen = "127.0.0.1:8427"

// leastToken is the shortest token: 16 random letters and digits cannot be guessed.
const leastToken = 16

// LeastToken is how many bytes a token of http.ingest.tokens_file has at least.
func LeastToken() int { return leastToken }

// complete fills in the defaults.
func (in *Ingest) complete(given func(path string) bool) {
	if !given("http.ingest.listen") {
		in.Listen = cmp.Or(in.Listen, defaultIngestListen)
	}
	if !given("http.ingest.max_body") {
		in.MaxBody = cmp.Or(in.MaxBody, 8<<20)
	}
	if !given("http.ingest.max_connections") {
		in.MaxConnections = cmp.Or(in.MaxConnections, 500)
	}
	if !given("http.ingest.timeout") {
		in.Timeout = cmp.Or(in.Timeout, Duration(30*time.Second))
	}
}

// SubjectOf is the subject that events of an input are published to which come by HTTP;
// empty if the input has several and none was chosen.
func (in *Ingest) SubjectOf(input *Input) string {
	if chosen := in.Subjects[input.Name]; chosen != "" {
		return chosen
	}
	if len(input.Subject) != 1 {
		return ""
	}
	tokens := strings.Split(input.Subject[0], ".")
	for i, token := range tokens {
		if token == "*" || token == ">" {
			tokens[i] = "http"
		}
	}
	return strings.Join(tokens, ".")
}

// listen checks where the joiner answers. It is private to this machine, so an
// address is spelled out: ":8428" would answer the whole network.
func (v *checker) listen() {
	if v.HTTP.Listen == "" {
		if v.HTTP.TokensFile != "" {
			v.add("http.tokens_file", "there are no pages to look at without http.listen: add it, or take this out")
		}
		return
	}
	if host, ok := hostOf(v.HTTP.Listen); !ok || host == "" {
		v.add("http.listen",
			"%q is not an address and a port: write 127.0.0.1:8428, or 0.0.0.0:8428 to answer every machine",
			clipped(v.HTTP.Listen))
	}
}

// Private reports whether only this machine reaches the address at which the joiner answers.
func (h *HTTP) Private() bool {
	host, ok := hostOf(h.Listen)
	return ok && isLoopback(host)
}

// hostOf is the host of an address with a port.
func hostOf(address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return host, err == nil && portErr == nil
}

// ingest checks how events are taken by HTTP.
func (v *checker) ingest() {
	in := v.HTTP.Ingest
	if in == nil {
		return
	}
	host, ok := hostOf(in.Listen)
	switch {
	case !ok:
		v.add("http.ingest.listen",
			"%q is not an address and a port: write 127.0.0.1:8427, or :8427 to take events from every machine",
			clipped(in.Listen))
	case in.Listen == v.HTTP.Listen && !strings.HasSuffix(in.Listen, ":0"):
		v.add("http.ingest.listen", "%s is http.listen already: events come at a port of their own", clipped(in.Listen))
	case !isLoopback(host) && in.TokensFile == "" && (in.TLS == nil || in.TLS.ClientCA == ""):
		v.add("http.ingest.listen", "every machine that reaches %s could send events: add tokens_file, or tls with "+
			"client_ca, or listen on 127.0.0.1", clipped(in.Listen))
	}
	if tls := in.TLS; tls != nil && (tls.Cert == "" || tls.Key == "") {
		v.add("http.ingest.tls", "needs both cert and key: give the paths of both")
	}
	for i, origin := range in.CORS {
		if !isOrigin(origin) {
			v.add(v.item("http.ingest.cors", i),
				"%q is no origin: write the scheme and the host, like https://shop.example, or *", clipped(origin))
		}
	}
	v.size("http.ingest.max_body", in.MaxBody, 1<<10, 256<<20)
	v.between("http.ingest.max_connections", in.MaxConnections, 1, 100_000)
	if v.duration("http.ingest.timeout", in.Timeout, Duration(time.Second)) && in.Timeout > Duration(time.Hour) {
		v.add("http.ingest.timeout", "%s is too long: it is at most 1h", in.Timeout)
	}
	v.ingestSubjects(in)
}

// isOrigin reports whether a text is an origin as browsers send it (RFC 6454).
func isOrigin(text string) bool {
	scheme, host, ok := strings.Cut(text, "://")
	return text == "*" || ok && (scheme == "http" || scheme == "https") && host != "" &&
		!strings.ContainsAny(host, "/?# *")
}

// ingestSubjects checks that it is known which subject an event goes to.
func (v *checker) ingestSubjects(in *Ingest) {
	for name, subject := range in.Subjects {
		at := join("http.ingest.subjects", name)
		input := v.Inputs.Named(name)
		switch {
		case input == nil:
			v.add(at, "there is no input %s", clipped(name))
		case strings.ContainsAny(subject, "*>"):
			v.add(at, "%s has a wildcard: events are published to one subject, name it", clipped(subject))
		case !input.Reads(subject):
			v.add(at, "%s is no subject of input %s, which would not read it: choose one that matches %s",
				clipped(subject), name, strings.Join(input.Subject, " or "))
		default:
			v.subject(at, subject)
		}
	}
	for i := range v.Inputs.List {
		input := &v.Inputs.List[i]
		if len(input.Subject) > 1 && in.SubjectOf(input) == "" {
			v.add("http.ingest.subjects",
				"input %s has several subjects, and what comes by HTTP goes to one: write http.ingest.subjects: {%s: %s}",
				input.Name, input.Name, strings.NewReplacer("*", "http", ">", "http").Replace(input.Subject[0]))
		}
	}
}

// Reads reports whether the input reads messages with a subject.
func (in *Input) Reads(subject string) bool {
	return slices.ContainsFunc(in.Subject, func(pattern string) bool { return matches(pattern, subject) })
}

// matches reports whether a subject without wildcards matches a pattern.
func matches(pattern, subject string) bool {
	return !strings.ContainsAny(subject, "*>") && overlap(pattern, subject)
}
