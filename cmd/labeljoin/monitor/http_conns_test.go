package monitor

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/joiner/engine"
)

func serveForTest(t *testing.T) (*Web, string) {
	t.Helper()
	w, err := Serve("127.0.0.1:0", "feed", func() engine.Stats { return engine.Stats{Joining: true} }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w, w.address
}

// TestIdleConnectionsAreBounded opens far more connections than a joiner needs,
// each with one request or none, and asks again.
func TestIdleConnectionsAreBounded(t *testing.T) {
	w, address := serveForTest(t)
	defer w.Close()
	bound := w.bound
	for i := range 4 * maxConns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer conn.Close()
		if i%2 == 0 {
			continue
		}
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(answer, "200") {
			t.Fatalf("connection %d is answered %q (%v)", i, answer, err)
		}
	}
	if n := bound.Open(); n > maxConns {
		t.Errorf("%d connections are open", n)
	}
	response, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s %s (%v)", response.Status, text, err)
	}
}

// TestClientsDoNotKeepTheServer ends a server while clients are in the middle of
// a request.
func TestClientsDoNotKeepTheServer(t *testing.T) {
	for _, request := range []string{
		"",
		"GET /healthz HTTP/1.1\r\nHo",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"POST /status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
	} {
		t.Run(fmt.Sprintf("%.30q", request), func(t *testing.T) {
			w, address := serveForTest(t)
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // so that it has arrived; if not, the test is easier
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
