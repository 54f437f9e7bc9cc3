package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
