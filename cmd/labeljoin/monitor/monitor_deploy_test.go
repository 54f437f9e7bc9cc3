package monitor

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/store"
)

// alertFile is a file of alert rules.
type alertFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// sizedFS tells how much room there is, so that there is a metric for it.
type sizedFS struct{ vfs.FS }

func (f sizedFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{TotalBytes: 100 << 30}, nil
}

// metricNames are the names of all metrics of a running joiner.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	s := exampleStats()
	s.Measures = engine.New(engine.Options{}).Stats().Measures
	s.Measures.Labels = []engine.LabelMeasure{{Positive: 1}}
	s.Measures.LastCommit = time.Unix(1, 0)
	c := NewRunCollector("feed")
	cfg := config.Default()
	c.Stats, c.Labels = func() engine.Stats { return s }, []string{"clicked"}
	c.Disks = diskspace.NewDisks(t.Context(), sizedFS{vfs.NewMem()}, &cfg, nil)
	c.State = func() store.Metrics { return store.Metrics{} }
	c.Waits = func(s *engine.Stats) []Wait { return (&Holds{}).List(s, diskspace.Shortage{}) }
	c.Notes = func() export.FeatureNotes { return export.FeatureNotes{} }
	c.Daily = exports.Due(1)
	c.Ingest = answeredOnce(t)
	c.Alarms = alarms.New(&config.Config{Monitor: config.Monitor{Labels: true}, Labels: config.Labels{{Name: "clicked"}}}, 0, slog.New(slog.DiscardHandler))
	c.Behind = (&Lag{last: map[string]uint64{"REQUESTS": 20}}).Behind
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCollector("feed", c.Stats), c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
		if f.GetType().String() == "HISTOGRAM" {
			names[f.GetName()+"_bucket"] = true
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
	}
	return names
}

// answeredOnce is a server of events by HTTP that has answered once.
func answeredOnce(t *testing.T) *ingest.Server {
	t.Helper()
	s, err := ingest.New(ingest.Options{Inputs: []ingest.Input{{Name: "requests", Subject: "requests.http"}}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/events/requests", nil))
	return s
}

var metricName = regexp.MustCompile(`labeljoin_[a-z0-9_]+`)

func checkMetricNames(t *testing.T, where, expr string) {
	t.Helper()
	used, have := metricName.FindAllString(expr, -1), metricNames(t)
	if len(used) == 0 {
		t.Errorf("%s is about nothing of ours: %s", where, expr)
	}
	for _, name := range used {
		if !have[name] {
			t.Errorf("%s names %s, which does not exist", where, name)
		}
	}
	for _, pair := range []string{"()", "[]", "{}"} {
		if strings.Count(expr, pair[:1]) != strings.Count(expr, pair[1:]) {
			t.Errorf("%s: unbalanced %s in %s", where, pair, expr)
		}
	}
}

func TestAlertsNameWhatExistsAndHaveARunbook(t *testing.T) {
	text, err := os.ReadFile("../monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file alertFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&file); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			known[rule.Alert] = true
			checkMetricNames(t, rule.Alert, rule.Expr)
			if _, err := time.ParseDuration(rule.For); err != nil {
				t.Errorf("%s: %v", rule.Alert, err)
			}
			if !bytes.Contains(guide, []byte("\n### "+rule.Alert+"\n")) {
				t.Errorf("OPERATIONS.md has no section on %s", rule.Alert)
			}
			if want := "OPERATIONS.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
				t.Errorf("%s: runbook %q, want %q", rule.Alert, rule.Annotations["runbook"], want)
			}
			if s := rule.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s: severity %q", rule.Alert, s)
			}
		}
	}
	if len(known) < 5 {
		t.Errorf("%d alerts", len(known))
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Labeljoin\w+)$`).FindAllSubmatch(guide, -1) {
		if !known[string(m[1])] {
			t.Errorf("OPERATIONS.md is about %s, which is no alert", m[1])
		}
	}
}

func TestDashboardNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile("../monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) == 0 {
		t.Error("no panels")
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			checkMetricNames(t, p.Title, target.Expr)
		}
	}
}

// TestUnit lets systemd read the unit, and look at what it may do.
func TestUnit(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here")
	}
	out, err := exec.Command(tool, "verify", "--man=no", "../deploy/labeljoin.service").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// The binary is not installed here; all else is wrong.
		if strings.Contains(line, "labeljoin.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("%v: %s", err, line)
		}
	}
	if out, err := exec.Command(tool, "security", "--offline=true", "--threshold=20", "../deploy/labeljoin.service").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
