package traytest

import (
	"time"

	"keytender/internal/session"
)

// Noon is the time at which tests look at a login.
var Noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// At is a time before or after Noon.
func At(d time.Duration) *time.Time { t := Noon.Add(d); return &t }

// SignedIn is a login that is in order at the time now.
func SignedIn(now time.Time) session.Status {
	token, login := now.Add(6*time.Hour), now.Add(24*24*time.Hour)
	return session.Status{
		SchemaVersion: 1, State: session.SignedIn, Account: "default", Email: "first_last@example.com", Plan: "max",
		AccessToken: session.AccessClock{ExpiresAt: &token, Valid: true, Renewable: true},
		Login:       session.LoginClock{ExpiresAt: &login}, Accounts: Named("default"),
		ClaudeCode: session.EntryStatus{Mirror: true, State: session.InStep},
		Stores: []session.StoreState{{Name: "keychain", State: session.StoreOK},
			{Name: "file", State: session.StoreNotUsed}},
	}
}

// Changed returns a login in order at Noon, changed.
func Changed(f func(*session.Status)) session.Status {
	s := SignedIn(Noon)
	f(&s)
	return s
}

// Watched makes it one of Claude Code's, of which no copy is kept.
func Watched(s *session.Status) {
	s.Role, s.Account, s.Accounts, s.Method = session.RoleWatch, session.WatchedAccount, nil, session.ByClaudeCode
	s.ClaudeCode = session.EntryStatus{State: session.Off}
	s.Stores = []session.StoreState{{Name: "keychain", State: session.StoreNotUsed},
		{Name: "file", State: session.StoreNotUsed}}
}

// Named are accounts of which no more is known than their names.
func Named(names ...string) []session.AccountStatus {
	var accounts []session.AccountStatus
	for _, name := range names {
		accounts = append(accounts, session.AccountStatus{Name: name})
	}
	return accounts
}
