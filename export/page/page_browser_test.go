package page_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
)

var pictures = flag.String("pictures", "", "keep pictures of every page in this folder")

// views are all pages with everything on them, whose names and values are hostile.
func views(t *testing.T) map[string]string {
	t.Helper()
	content := hostile(t)
	day := &page.DayPage{Name: script, Day: "2026-11-21", Days: []string{"2026-11-22", "2026-11-21"}, Note: script, Content: content}
	rows := []page.EventRow{{When: "2026-11-21T10:00:00Z", From: script, ReadAs: script, Bad: true, Text: hostileNames()[2], RequestID: "a&b=\"c\""},
		{ReadAs: "outcome", Text: "abc\u202edef"}}
	alarms := []page.HomeAlarm{{Kind: "rate", From: "2026-11-21T10:00Z", Text: hostileNames()[2]}}
	labels := []page.HomeLabel{{Name: script, Rows: 100}}
	out := map[string]string{"report": render(t, content)}
	for name, write := range map[string]func(io.Writer) error{
		"home": func(w io.Writer) error {
			return page.WriteHome(w, &page.Home{Name: script, Text: script, Status: "rows  7\n" + strings.Repeat("x", 300), Refresh: 1000, Labels: labels, Alarms: alarms})
		},
		"days": func(w io.Writer) error {
			return page.WriteDays(w, &page.Days{Name: script, Days: []page.Day{{Day: "2026-11-21", Rows: 7, Complete: "yes", Version: "v=0001"}}})
		},
		"features": func(w io.Writer) error { return page.WriteFeatures(w, day) },
		"labels":   func(w io.Writer) error { return page.WriteLabels(w, day, lines()) },
		"events": func(w io.Writer) error {
			return page.WriteEvents(w, &page.Events{Name: script, Note: script, Newest: rows, Refused: rows})
		},
		"request": func(w io.Writer) error { return page.WriteStory(w, story()) },
		"shards":  func(w io.Writer) error { return page.WriteShards(w, version()) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b.String()
	}
	return out
}

func lines() []page.Line {
	var hours []page.LineHour
	for h := range health.Hour(7 * 24) {
		if h%50 != 7 {
			hours = append(hours, page.LineHour{Hour: 494_000 + h, Rows: 1000, Rate: health.RateOf(uint64(20+h%24), 1000), Predicted: 0.03, Scored: 900})
		}
	}
	return []page.Line{{Label: script, Hours: hours}, {Label: "bought"}}
}

func story() *page.Story {
	long := hostileNames()[2]
	return &page.Story{Name: script, ID: script, Standing: "open", Answers: []string{script, long}, Watermark: "2026-11-21T10:00:00Z", Problem: script,
		Events: []page.StoryEvent{{TS: "2026-11-21T10:00:00Z", What: script, After: "1s after the request", Fate: "joined", From: long}},
		Labels: []page.StoryLabel{{Item: script, Label: script, Value: "1", Rule: `type == "<b>"`, Why: long}},
		Rows:   []page.StoryRow{{Commit: 7, Item: long, Reason: "closed", Labels: script, File: long}}}
}

func version() *page.Shards {
	return &page.Shards{Name: script, Day: "2026-11-21", Days: []string{"2026-11-21"}, Version: &page.ShardsVersion{Version: "v=0001", Created: "2026-11-22T01:00:00Z",
		Software: "1", Format: "parquet", Foreign: true, Anomalies: 3, More: 2, Counts: []page.NamedCount{{Name: "read", Count: 7}},
		Splits: []page.ShardsSplit{{Name: "train", Files: 1, Rows: 7, Labels: []page.NamedText{{Name: script, Text: "3 of 7"}}}},
		Source: []page.NamedText{{Name: "rules", Text: strings.Repeat("0123456789abcdef", 20)}},
		Files:  []page.ShardsFile{{Path: "dt=2026-11-21/v=0001/train-00000-of-00001.parquet", Rows: 7, Bytes: 1 << 30, SHA256: strings.Repeat("0123456789abcdef", 4)}}}}
}

// TestInBrowser looks at every page in headless Chromium, in both colour schemes, as wide as a screen
// and as a phone. None may log an error, or ask for anything but itself: of its own server, which
// counts, or of any other one, which its policy forbids and the browser would complain of. With
// -pictures, there is a picture of each page.
func TestInBrowser(t *testing.T) {
	chromium := browser(t)
	pages := views(t)
	names := slices.Sorted(maps.Keys(pages))
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "all" {
			_, _ = io.WriteString(w, frames(names, 1100, 360))
			return
		}
		w.Header().Set("Content-Security-Policy", strings.Replace(page.Policy(), "frame-ancestors 'none'", "", 1))
		_, _ = io.WriteString(w, pages[name])
	}))
	defer server.Close()
	for scheme, number := range map[string]int{"dark": 0, "light": 1} {
		look := func(t *testing.T, name, size string, want ...string) {
			folder := t.TempDir()
			if *pictures != "" {
				folder = *pictures
			}
			clear(asked)
			picture := filepath.Join(folder, name+"-"+scheme+".png")
			said := runBrowser(t, chromium, "--screenshot="+picture, "--window-size="+size, fmt.Sprintf("--blink-settings=preferredColorScheme=%d", number), server.URL+"/"+want[0])
			if strings.Contains(said, "CONSOLE") {
				t.Errorf("the console says %s", said)
			}
			if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
				t.Errorf("there is no picture: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, path := range want {
				if asked["/"+path] == 0 {
					t.Errorf("the browser has not asked for %s", path)
				}
				delete(asked, "/"+path)
			}
			if len(asked) > 0 {
				t.Errorf("the browser asks for %v", asked)
			}
		}
		t.Run(scheme, func(t *testing.T) { look(t, "all", "1500,6000", append([]string{"all"}, names...)...) })
		if *pictures == "" {
			continue
		}
		for _, name := range names {
			t.Run(scheme+" "+name, func(t *testing.T) {
				look(t, name+"-screen", "1280,1000", name)
				look(t, name+"-phone", "500,1000", name)
			})
		}
	}
}

// frames is a page that has every page in it, in frames of each width, and writes down how wide each
// becomes.
func frames(names []string, widths ...int) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><link rel=icon href=data:,>")
	for _, name := range names {
		for _, width := range widths {
			fmt.Fprintf(&b, `<iframe src="%s" title="%s" style="width:%dpx;height:700px;border:0"></iframe>`, name, name, width)
		}
	}
	b.WriteString(`<p id="wide">not measured</p><script>onload=e=>{document.getElementById("wide").textContent=Array.from(
document.querySelectorAll("iframe"),f=>"wide "+f.title+" "+f.contentDocument.documentElement.scrollWidth).join(", ")}</script>`)
	return b.String()
}

// TestFitsAPhone asks the browser how wide each page becomes in a narrow frame.
func TestFitsAPhone(t *testing.T) {
	chromium := browser(t)
	folder := t.TempDir()
	pages := views(t)
	names := slices.Sorted(maps.Keys(pages))
	var files []string
	for _, name := range names {
		files = append(files, name+".html")
		if err := os.WriteFile(filepath.Join(folder, name+".html"), []byte(pages[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, "frame.html")
	if err := os.WriteFile(file, []byte(frames(files, 360)), 0o644); err != nil {
		t.Fatal(err)
	}
	dom := runBrowser(t, chromium, "--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom", "file://"+file)
	for _, name := range files {
		if found := regexp.MustCompile("wide " + regexp.QuoteMeta(name) + ` (\d+)`).FindStringSubmatch(dom); found == nil || found[1] != "360" {
			t.Errorf("%s does not fit 360 pixels: %q", name, found)
		}
	}
}

// browser is an installed Chromium.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed")
	return ""
}

// runBrowser runs it and returns what it says.
func runBrowser(t *testing.T, chromium string, args ...string) string {
	t.Helper()
	base := []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir()}
	cmd := exec.CommandContext(t.Context(), chromium, append(base, args...)...)
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
