package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"keytender/internal/session"
	"keytender/internal/shown"
)

// A calendar as RFC 5545 has it: lines end with CR and LF and have 75 octets at most (3.1),
// text is escaped (3.3.11), times are UTC (3.3.5), and every event has a UID that stays the
// same when its time moves (3.8.4.7), so that a calendar program moves it too.

// calendar writes the ends as events, each with alarms before it.
func calendar(to io.Writer, ends []session.End, now time.Time, installation string) error {
	w := &calendarWriter{}
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//Keytender//"+calendarText(session.Version)+"//EN")
	w.line("CALSCALE", "GREGORIAN")
	for _, e := range ends {
		w.event(e, now, installation)
	}
	w.line("END", "VCALENDAR")
	_, err := io.WriteString(to, w.String())
	return err
}

type calendarWriter struct{ strings.Builder }

const calendarTime = "20060102T150405Z"

func (w *calendarWriter) event(e session.End, now time.Time, installation string) {
	whose := e.Email
	if whose == "" {
		whose = "account " + e.Account
	} else if e.Twin {
		whose += " (account " + e.Account + ")"
	}
	summary := "Claude: sign in again, " + whose
	detail := "The login of " + whose + " ends. Sign in again with: keytender login --account " + e.Account
	if e.Watched {
		detail = "The login of " + whose + " in Claude Code ends. Sign in again with: keytender login"
	}
	if e.Estimated {
		detail += "\nThe server did not say when; this is an estimate."
	}
	alarms := []string{"-P3D", "-P1D"}
	if e.Repo != "" {
		summary = "Claude: " + e.Secret + " in " + e.Repo + " ends"
		detail = "Nobody renews it there. Set a new one with: keytender export github --repo " + e.Repo + " --new-token"
		alarms = []string{"-P21D", "-P3D"}
	}
	w.line("BEGIN", "VEVENT")
	w.line("UID", eventID(e, installation))
	w.line("DTSTAMP", now.UTC().Format(calendarTime))
	w.line("DTSTART", e.EndsAt.UTC().Format(calendarTime))
	w.line("SUMMARY", calendarText(summary))
	w.line("DESCRIPTION", calendarText(detail))
	w.line("TRANSP", "TRANSPARENT")
	for _, trigger := range alarms {
		w.line("BEGIN", "VALARM")
		w.line("ACTION", "DISPLAY")
		w.line("TRIGGER", trigger)
		w.line("DESCRIPTION", calendarText(summary))
		w.line("END", "VALARM")
	}
	w.line("END", "VEVENT")
}

// eventID is the same for the same account of the same installation, whatever its end.
func eventID(e session.End, installation string) string {
	host, _ := os.Hostname()
	sum := sha256.Sum256([]byte(strings.Join([]string{host, installation, e.Account, e.Repo, e.Secret}, "\x00")))
	return hex.EncodeToString(sum[:16]) + "@keytender"
}

// maxCalendarLine is without the line's end, in octets.
const maxCalendarLine = 75

// line writes a property, folded between characters.
func (w *calendarWriter) line(name, value string) {
	room := maxCalendarLine
	for _, r := range name + ":" + value {
		size := utf8.RuneLen(r)
		if size > room {
			w.WriteString("\r\n ")
			room = maxCalendarLine - 1
		}
		w.WriteRune(r)
		room -= size
	}
	w.WriteString("\r\n")
}

var calendarEscapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// calendarText escapes a text of several lines, each made fit to be shown.
func calendarText(text string) string {
	lines := strings.Split(strings.ToValidUTF8(text, "\uFFFD"), "\n")
	for i, line := range lines {
		lines[i] = shown.Line(line)
	}
	return calendarEscapes.Replace(strings.Join(lines, "\n"))
}
