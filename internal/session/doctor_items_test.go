package session

import (
	"context"
	"slices"
	"strings"
	"testing"

	"keytender/keychain/claudecode"
)

// heldItems plays security(1) over items by their accounts, as far as finding goes.
func heldItems(items map[string]string) claudecode.Runner {
	return func(_ context.Context, _ []byte, args ...string) ([]byte, int, error) {
		account := slices.Index(args, "-a")
		if args[0] != "find-generic-password" || account < 0 {
			return nil, 1, nil
		}
		secret, ok := items[args[account+1]]
		switch {
		case !ok:
			return nil, 44, nil // errSecItemNotFound
		case slices.Contains(args, "-w"):
			return []byte(secret + "\n"), 0, nil
		}
		return []byte(`    "mdat"<timedate>=0x00  "20261101120000Z\000"` + "\n"), 0, nil
	}
}

// TestFurtherKeychainItems: on a Mac, programs that name no account leave items of the same
// service behind; doctor names their accounts and opens none of them.
func TestFurtherKeychainItems(t *testing.T) {
	const login = `{"claudeAiOauth":{"accessToken":"FAKE-a","refreshToken":"FAKE-r","expiresAt":4102444800000,"scopes":["user:inference"]}}`
	for name, tc := range map[string]struct {
		items map[string]string
		found string
	}{
		"ours alone": {map[string]string{"ann": login}, ""},
		"two more":   {map[string]string{"ann": login, "unknown": login, "root": login}, "unknown, root"},
		"one more":   {map[string]string{"ann": login, "unknown": login, "bob": login}, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newRig(t, "USER=ann").start()
			e.entries.GOOS, e.entries.Security = "darwin", heldItems(tc.items)
			e.entry, e.entryErr = claudecode.Find(e.entries)
			checks := e.Examine(t.Context())
			at := slices.IndexFunc(checks, func(c Check) bool { return c.Name == "keychain items" })
			if tc.found == "" {
				if at >= 0 {
					t.Errorf("found %v", checks[at])
				}
				return
			}
			if at < 0 {
				t.Fatalf("not found in %v", checks)
			}
			if c := checks[at]; c.State != CheckWarn || c.Finding != FoundEntryStrays ||
				strings.Join(c.Values.List, ", ") != tc.found || !strings.Contains(c.Values.Place, "ann") {
				t.Errorf("%+v", c)
			}
		})
	}
}
