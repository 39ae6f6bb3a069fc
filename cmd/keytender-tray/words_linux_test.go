package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/config"
	"keytender/internal/session"
)

// What the menu copies for whoever helps says what is wrong in sentences, as the terminal does.
func TestCopiedDiagnosisIsInWords(t *testing.T) {
	home := t.TempDir()
	settings, err := config.Load(func(name string) (string, bool) {
		value, ok := map[string]string{"HOME": home, "KEYTENDER_HOME": filepath.Join(home, "kt"),
			"KEYTENDER_STORE": "file"}[name]
		return value, ok
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(settings.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(settings.Paths.State, "ledger.json"), []byte(`{"version":2,"acc`),
		0o600); err != nil {
		t.Fatal(err)
	}
	engine, err := session.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	problem := engine.Status(t.Context()).Problem
	if problem == nil || problem.Err.Fault != session.FaultStateDamaged {
		t.Fatalf("%+v", problem)
	}
	if said := (inWords{engine}).Diagnosis(t.Context()); strings.Contains(said, string(session.FaultStateDamaged)) ||
		!strings.Contains(said, "ledger.json is damaged") {
		t.Error(said)
	}
}
