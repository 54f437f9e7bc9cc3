package doctor_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/doctor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// TestPermissions gives the joiner's user the documented permissions but one. The doctor names that one, and is content
// with all of them. It stores nothing and makes no stream.
func TestPermissions(t *testing.T) {
	t.Setenv("LABELJOIN_TEST_PASSWORD", "pw")
	documented := documentedPermissions(t)
	const answers = "_INBOX.>"
	for _, lacks := range append(slices.Clone(documented), answers, "") {
		t.Run("without "+lacks, func(t *testing.T) {
			t.Parallel()
			var asks []string
			for _, p := range documented {
				if p != lacks {
					asks = append(asks, onStreams(p)...)
				}
			}
			hears := []string{answers}
			if lacks == answers {
				hears = []string{"nothing"}
			}
			s := serveUser(t, &server.Permissions{Publish: &server.SubjectPermission{Allow: asks}, Subscribe: &server.SubjectPermission{Allow: hears}})
			owner, err := nats.Connect(s.ClientURL(), nats.UserInfo("owner", "pw"))
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close()
			js, err := owner.JetStream()
			if err != nil {
				t.Fatal(err)
			}
			streams := []string{"requests", "outcomes", "labels"}
			if strings.Contains(lacks, "STREAM.CREATE") {
				streams = streams[:2] // that of the labels is to be made
			}
			for _, name := range streams {
				if _, err := js.AddStream(&nats.StreamConfig{Name: name, Subjects: []string{name + ".>"}, DenyDelete: true, DenyPurge: true}); err != nil {
					t.Fatal(err)
				}
			}
			said, err := examine(t, s.ClientURL())
			named := slices.ContainsFunc(onStreams(lacks), func(subject string) bool { return strings.Contains(said, subject) })
			switch {
			case lacks == "" && err != nil:
				t.Errorf("it is not content: %s", said)
			case lacks != "" && (err == nil || !named):
				t.Errorf("it does not name %s: %s", lacks, said)
			}
			found := 0
			for info := range js.Streams() {
				if found++; info.State.LastSeq > 0 {
					t.Errorf("stream %s has messages", info.Config.Name)
				}
			}
			if found != len(streams) {
				t.Errorf("there are %d streams, and were %d", found, len(streams))
			}
		})
	}
}

// documentedPermissions are the subjects that the joiner's user publishes to, by OPERATIONS.md.
func documentedPermissions(t *testing.T) (subjects []string) {
	t.Helper()
	text, err := os.ReadFile("../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "The user of the joiner needs these permissions.")
	table, _, ended := strings.Cut(table, "\n\nWhere `stream`")
	if !found || !ended {
		t.Fatal("OPERATIONS.md has no table of permissions")
	}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, subject := range regexp.MustCompile("`[^`]+`").FindAllString(cells[1], -1) {
				subjects = append(subjects, strings.Trim(subject, "`"))
			}
		}
	}
	if at := slices.Index(subjects, "publish"); at < 0 || len(subjects) < 5 {
		t.Fatalf("the table has %q", subjects)
	} else {
		subjects[at] = "labels.feed"
	}
	return subjects
}

// onStreams is a documented permission, of each stream.
func onStreams(permission string) (subjects []string) {
	if !strings.Contains(permission, "<stream>") {
		return []string{permission}
	}
	for _, stream := range []string{"requests", "outcomes", "labels", "labels_feed"} {
		subjects = append(subjects, strings.Replace(permission, "<stream>", stream, 1))
	}
	return subjects
}

// serveUser is a server with a user who has permissions, and one who owns all.
func serveUser(t *testing.T, p *server.Permissions) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, NoSigs: true,
		StoreDir: filepath.Join(t.TempDir(), "nats"), Users: []*server.User{{Username: "joiner", Password: "pw", Permissions: p},
			{Username: "owner", Password: "pw"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	return s
}

// examine asks the doctor about the joiner's user.
func examine(t *testing.T, url string) (said string, err error) {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.Read("test", strings.NewReader(fmt.Sprintf(`name: feed
nats: {url: %q, user: joiner, password: "${LABELJOIN_TEST_PASSWORD}"}
state: {dir: %q}
output: {dir: %q}
inputs: {requests: {subject: requests.>}, outcomes: {subject: outcomes.>}}
publish: {subject: labels.feed, create: true}
labels: {clicked: 'type == "click"'}
`, url, filepath.Join(dir, "state"), filepath.Join(dir, "out"))))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d := doctor.Doctor{Config: cfg, Out: &terminal.LineWriter{To: &out}}
	err = d.Check(t.Context())
	return out.String(), err
}
