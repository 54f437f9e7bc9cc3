package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"7d": 7 * day, "1d12h": 36 * time.Hour, "2w": 14 * day, "1w1d1h1m1s1ms1us1ns": 8*day + time.Hour + time.Minute + time.Second + 1_001_001,
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1.5h": 90 * time.Minute, "-1d": -day, "+2d": 2 * day, "500µs": 500_000,
		"12h1d": 36 * time.Hour, "100000d": 100_000 * day, "-1d12h": -36 * time.Hour, ".5s": 500 * time.Millisecond,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseDuration(text); err != nil || got.Std() != want {
				t.Errorf("%s is %v (%v), want %v", text, got.Std(), err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"30": "write 30s, 30m, 30h or 30d", "1.5": "has no unit", "-3": "has no unit", "": "not a duration", "d": "whole numbers",
		"1.5d": "whole numbers", "1y": "not a duration", "1d-12h": "not a duration", "5 m": "not a duration", "200000d": "not a duration",
		"99999999999d": "whole numbers", "1e3s": "not a duration", "7D": "not a duration", "inf": "no unit", "1h1": "not a duration",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is %v (%v), want %s", text, got, err, want)
			}
		})
	}
}

func TestDurationsPrintAsTheyRead(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", 36 * time.Hour: "1d12h", 90 * time.Second: "1m30s", 7 * 24 * time.Hour: "7d",
		24*time.Hour + time.Second: "1d1s", time.Hour + time.Second: "1h0m1s", 1: "1ns", -time.Minute: "-1m", 24*time.Hour + 1: "1d1ns",
		10 * time.Hour: "10h", 100 * time.Minute: "1h40m", 10 * time.Minute: "10m", 20 * time.Second: "20s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v prints as %s, want %s", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Min(math.MinInt64+1).Draw(t, "duration"))
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%d prints as %s, which is %d (%v)", d, d, again, err)
		}
	})
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "64KiB": 64 << 10, "128MiB": 128 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40, "10MB": 10_000_000,
		"1kB": 1000, "1KB": 1000, "1.5GiB": 3 << 29, "1 MiB": 1 << 20, "-1B": -1, "8388607TiB": 8388607 << 40,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseSize(text); err != nil || got != want {
				t.Errorf("%s is %d (%v), want %d", text, got, err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"128": "write 128B, 128KiB or 128MiB", "": "not a size", "MiB": "not a size", "1 M": "not a size", "1Mib": "not a size",
		"99999999TiB": "not a size", "NaNB": "not a size", "infB": "not a size", "1e400B": "not a size", "nan": "has no unit",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is %d (%v), want %s", text, got, err, want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64().Draw(t, "size"))
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Fatalf("%d prints as %s, which is %d (%v)", int64(s), s, int64(again), err)
		}
	})
}

func TestSecretsComeFromTheEnvironmentAndFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p4ss\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := func(name string) (string, bool) {
		value, ok := map[string]string{"TOKEN": "t0ken", "USER_1": "me", "EMPTY": ""}[name]
		return value, ok
	}
	c := decodeOK(t, minimal+"nats:\n  token: ${TOKEN}\n")
	login, err := c.NATS.Login(environment)
	if err != nil || login.Token != "t0ken" || login.User != "" {
		t.Errorf("the login has token %q, user %q (%v)", login.Token, login.User, err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", login, login, login, login), slog.AnyValue(login).Resolve().String()} {
		if strings.Contains(shown, "t0ken") {
			t.Errorf("a login prints as %s", shown)
		}
	}
	c = decodeOK(t, minimal+"nats: {user: '${USER_1}', password_file: '"+file+"'}")
	if login, err = c.NATS.Login(environment); err != nil || login.User != "me" || login.Password != "p4ss" {
		t.Errorf("the login has user %q, password %q (%v)", login.User, login.Password, err)
	}
	for _, name := range []string{"NONE", "EMPTY"} {
		c.NATS.User = User{Secret: SecretFrom(name)}
		if _, err := c.NATS.Login(environment); err == nil || !strings.Contains(err.Error(), "${"+name+"}") {
			t.Errorf("a missing variable gives %v", err)
		}
	}
	c.NATS.User, c.NATS.PasswordFile = User{}, file+"x"
	if _, err := c.NATS.Login(environment); err == nil || !strings.Contains(err.Error(), file+"x") {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestReferencesPrintAsReferences(t *testing.T) {
	c := decodeOK(t, minimal+"nats: {token: '${NATS_TOKEN}'}")
	if !strings.Contains(string(c.Print()), `token: "${NATS_TOKEN}"`) {
		t.Errorf("it prints as\n%s", c.Print())
	}
	data, err := json.Marshal(c.NATS.Token)
	if err != nil || string(data) != `"${NATS_TOKEN}"` {
		t.Errorf("JSON has %s (%v)", data, err)
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a.b", "a", false}, {"a.>", "a", false}, {"a.>", "a.b.c", true}, {">", "x", true},
		{"*.b", "a.*", true}, {"a.*", "a.b.c", false}, {"a.*.c", "a.b.>", true}, {"a.b.>", "a.c.>", false}, {"*", ">", true}, {"a.>", "a.>", true},
	} {
		t.Run(c.a, func(t *testing.T) {
			if got := overlap(c.a, c.b); got != c.want {
				t.Errorf("%s and %s overlap: %v, want %v", c.a, c.b, got, c.want)
			}
			if got := overlap(c.b, c.a); got != c.want {
				t.Errorf("%s and %s overlap: %v, want %v", c.b, c.a, got, c.want)
			}
		})
	}
}
