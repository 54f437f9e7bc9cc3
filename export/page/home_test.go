package page_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export/page"
)

func TestHomeShowsText(t *testing.T) {
	for _, ready := range []bool{true, false} {
		var out bytes.Buffer
		if err := page.WriteHome(&out, &page.Home{Name: script, Ready: ready, Text: script, Status: "rows 7\n" + script, Refresh: 10}); err != nil {
			t.Fatal(err)
		}
		html := out.String()
		if strings.Contains(html, "<script") || strings.Count(html, "&lt;script&gt;") != 4 || !strings.HasSuffix(html, "</html>\n") {
			t.Errorf("the page is\n%s", html)
		}
	}
}
