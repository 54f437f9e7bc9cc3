package page_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var pictures = flag.String("pictures", "", "keep the pictures of the page in this folder")

// TestInBrowser looks at the page in headless Chromium: in both colour schemes,
// on a screen and on a phone. It must log no error and ask for nothing: neither
// its own server, which counts, nor any other one, which its policy forbids and
// the browser would complain of.
func TestInBrowser(t *testing.T) {
	chromium := browser(t)
	text := render(t, hostile(t))
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		_, _ = io.WriteString(w, text)
	}))
	defer server.Close()
	for scheme, number := range map[string]int{"dark": 0, "light": 1} {
		for screen, size := range map[string]string{"screen": "1280,900", "phone": "500,900"} {
			t.Run(scheme+" "+screen, func(t *testing.T) {
				folder := t.TempDir()
				if *pictures != "" {
					folder = *pictures
				}
				asked = nil
				picture := filepath.Join(folder, scheme+"-"+screen+".png")
				said := runBrowser(t, chromium, "--screenshot="+picture, "--window-size="+size, fmt.Sprintf("--blink-settings=preferredColorScheme=%d", number), server.URL+"/report.html")
				if strings.Contains(said, "CONSOLE") {
					t.Errorf("the console says %s", said)
				}
				if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
					t.Errorf("there is no picture: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(asked) != 1 || asked[0] != "/report.html" {
					t.Errorf("the browser asks for %q", asked)
				}
			})
		}
	}
}

// TestFitsAPhone asks the browser how wide the page becomes in a narrow frame.
func TestFitsAPhone(t *testing.T) {
	chromium := browser(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "report.html"), []byte(render(t, hostile(t))), 0o644); err != nil {
		t.Fatal(err)
	}
	const frame = `<!DOCTYPE html><iframe id="f" src="report.html" style="width:360px;height:800px;border:0"></iframe><p id="wide">not measured</p>
<script>document.getElementById("f").onload=e=>{document.getElementById("wide").textContent="wide "+e.target.contentDocument.documentElement.scrollWidth}</script>`
	file := filepath.Join(folder, "frame.html")
	if err := os.WriteFile(file, []byte(frame), 0o644); err != nil {
		t.Fatal(err)
	}
	dom := runBrowser(t, chromium, "--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom", "file://"+file)
	if !strings.Contains(dom, "wide 360<") {
		t.Errorf("the page does not fit 360 pixels: %s", regexp.MustCompile(`wide \d+|not measured`).FindString(dom))
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
