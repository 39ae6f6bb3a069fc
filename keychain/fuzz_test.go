package keychain

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What the keychain's child prints, and whatever else is in its place: an answer with an
// error never carries a record, and the error shows nothing but a detail of the child's.
func FuzzChildReply(f *testing.F) {
	for _, a := range []reply{{}, {Record: "FAKE-record"}, {Error: "locked", Detail: "the keyring is locked"},
		{Error: "not-found"}, {Error: "unheard-of", Detail: "d"}, {Error: "denied", Record: "FAKE-record"}} {
		text, err := json.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{"", "null", "[]", `{"record":7}`, `{"record":"FAKE`, "FAKE-record\n",
		`{"RECORD":"FAKE"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		a, err := readReply(out)
		var members map[string]json.RawMessage
		_ = json.Unmarshal(out, &members)
		for key := range members {
			for _, known := range []string{"error", "detail", "record"} {
				if key != known && strings.EqualFold(key, known) {
					return // encoding/json would take it for ours
				}
			}
		}
		var plain struct{ Error, Detail, Record string }
		readable := json.Unmarshal(out, &plain) == nil
		switch {
		case !readable && !errors.Is(err, errFailed), readable && (err == nil) != (plain.Error == ""):
			t.Fatalf("%v", err)
		case err != nil && a.Error+a.Detail+a.Record != "":
			t.Fatal("an error with an answer")
		case err == nil && a.Record != plain.Record:
			t.Fatalf("record %q, want %q", a.Record, plain.Record)
		}
		if err == nil {
			return
		}
		kinds := []error{errFailed}
		for _, kind := range childErrors {
			kinds = append(kinds, kind)
		}
		said := err.Error()
		for _, kind := range kinds {
			if rest, cut := strings.CutPrefix(said, kind.Error()); cut && errors.Is(err, kind) &&
				(rest == "" || rest == ": "+plain.Detail || rest == ": its helper process gave no answer") {
				return
			}
		}
		t.Fatalf("said: %q", said)
	})
}
