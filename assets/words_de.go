package assets

import "keytender/internal/language"

var german = Words{
	Tag: language.German,

	Done: "Erledigt", NotDone: "Nicht erledigt", TooLate: "Zu spät", Stopped: "Angehalten", Attention: "Achtung",
	InProgress: "Läuft",

	Plan: "Tarif: {{plan}}",
	Said: "Der Anmeldedienst nennt diesen Grund: {{said}}",

	Finishing: Page{
		Title: "Die Anmeldung wird abgeschlossen",
		Body:  "Ihre Antwort ist da und wird sicher gespeichert. Das dauert einen Augenblick.",
		Next:  `Die Seite geht von selbst weiter. Wenn nicht, <a href="{{next}}">hier fortfahren</a>.`,
	},
	SignedIn: Page{
		Title: "Angemeldet",
		Body:  "Die Anmeldung ist gelungen. Sie ist auf diesem Computer gespeichert, und Keytender hält sie frisch.",
		Next:  "Sie können dieses Fenster schließen und zum Terminal oder zur Menüleiste zurückkehren.",
	},
	Elsewhere: Page{
		Title: "Schon angemeldet",
		Body:  "Der eingefügte Code kam zuerst und hat diese Anmeldung abgeschlossen. Diese Seite wurde nicht mehr gebraucht.",
		Next:  "Sie können dieses Fenster schließen und zum Terminal oder zur Menüleiste zurückkehren.",
	},
	As: "{{title}} als {{email}}",
	Declined: Page{
		Title: "Sie haben es nicht erlaubt",
		Body:  "Nichts wurde gespeichert, und nichts wurde geändert.",
		Next:  "Wenn Sie sich doch anmelden möchten, beginnen Sie jederzeit von vorn und wählen Sie <strong>Zulassen</strong>.",
	},
	TimedOut: Page{
		Title: "Diese Anmeldung hat zu lange gedauert",
		Body:  "Die Zeit für diese Anmeldung war abgelaufen, bevor sie fertig war. Nichts wurde gespeichert.",
		Next:  "Schließen Sie dieses Fenster und beginnen Sie die Anmeldung in der Menüleiste oder im Terminal neu.",
	},
	Cancelled: Page{
		Title: "Diese Anmeldung wurde abgebrochen",
		Body:  "Sie wurde in der Menüleiste oder im Terminal angehalten, bevor sie fertig war. Nichts wurde gespeichert.",
		Next:  "Schließen Sie dieses Fenster. Dort können Sie die Anmeldung jederzeit neu beginnen.",
	},
	Stray: Page{
		Title: "Diese Seite gehört nicht zur laufenden Anmeldung",
		Body:  "Keytender hat sie nicht angenommen, und nichts wurde geändert. So sieht oft ein Tab aus, der von einem früheren Versuch übrig ist.",
		Next:  "Schließen Sie dieses Fenster. Schließen Sie die Anmeldung im neuesten Tab ab, oder beginnen Sie sie neu.",
	},
	Refused: Page{
		Title: "Hier gibt es nichts zu sehen",
		Body:  "Keytender wartet hier auf das Ende einer Anmeldung. Diese Anfrage gehört nicht dazu, und nichts wurde geändert.",
		Next:  "Sie können dieses Fenster schließen.",
	},
	Welcome: Page{
		Title: "Willkommen bei Keytender",
		Body:  "Keytender sitzt in der Menüleiste, hält die Anmeldung Ihres eigenen Claude-Kontos für Claude Code am Leben und meldet sich rechtzeitig, bevor sie abläuft. Es sendet sie nirgendwohin außer zu Anthropic und stammt nicht von Anthropic.",
		Next:  "Bevor Sie sich anmelden: Nach Anthropics Bedingungen dürfen Dritte keine Claude.ai-Anmeldung anbieten. Der Server kann Keytender ablehnen, und das ist dann endgültig. Diese Wege stehen offen.",
	},
	Ways: Table[Way]{
		{"browser", Way{"Anmelden", "Im Browser, durch Keytender selbst.",
			Page{Title: "Die Anmeldeseite wird geöffnet", Body: "Weiter geht es im neuen Tab Ihres Browsers.",
				Next: "Sie können dieses Fenster schließen. Der Schlüssel in der Menüleiste zeigt, wie es steht."}}},
		{"claude", Way{"Über Claude Code anmelden",
			"Die eigene Anmeldung von Claude Code, wie die Bedingungen es vorsehen. Keytender bewahrt eine Kopie davon auf.",
			Page{
				Title: "Claude Code meldet Sie an",
				Body:  "Keytender hat Claude Code gebeten, Sie anzumelden.",
				Next:  "Weiter geht es auf der Seite, die Claude Code im Browser öffnet. Wie es steht, sagt das Menü von Keytender; dieses Fenster können Sie schließen.",
			}}},
		{"watch",
			Way{"Nur beobachten",
				"Keytender bewahrt keine Kopie auf: Es sagt, wie es um die Anmeldung von Claude Code steht und wann sie abläuft.",
				Page{Title: "Keytender beobachtet jetzt nur",
					Body: "Es bewahrt keine Kopie Ihrer Anmeldung auf und meldet sich, bevor die von Claude Code abläuft.",
					Next: "Sie können dieses Fenster schließen. Im Menü lässt es sich jederzeit ändern."}}},
	},

	NotSignedIn: "Nicht angemeldet",
	Kept: Table[HTML]{{"keychain", "Sie liegt im Schlüsselbund dieses Computers."},
		{"file",
			"Hier gibt es keinen Schlüsselbund: Sie liegt in einer einfachen Datei, die nur Ihr eigener Benutzer lesen kann."},
		{"aside",
			"Kein Speicher hat sie bisher angenommen: Sie wartet in einer eigenen Datei und zieht von selbst um."}},
	Failures: Table[[2]HTML]{
		{"", [2]HTML{"Die Anmeldung konnte nicht abgeschlossen werden.",
			"Schließen Sie dieses Fenster. Die Menüleiste oder das Terminal sagt mehr dazu."}},
		{"refused", [2]HTML{"Der Anmeldedienst lässt nicht zu, dass Keytender Sie anmeldet. Nichts wurde gespeichert.",
			"Melden Sie sich stattdessen <strong>über Claude Code</strong> an: Dessen eigene Anmeldung ist der Weg, den der Dienst vorsieht."}},
		{"code-refused",
			[2]HTML{
				"Der Anmeldedienst hat die Antwort nicht angenommen. Sie gilt ein einziges Mal und nur wenige Minuten. Nichts wurde gespeichert.",
				"Schließen Sie dieses Fenster und beginnen Sie die Anmeldung neu."}},
		{"other-account", [2]HTML{"Das ist ein anderes Konto als das gewünschte. Nichts wurde gespeichert.",
			"Schließen Sie dieses Fenster. Melden Sie sich im Browser von diesem Konto ab und beginnen Sie die Anmeldung neu."}},
		{"try-later",
			[2]HTML{"Der Anmeldedienst ist nicht erreichbar oder hat Schwierigkeiten. Nichts wurde gespeichert.",
				"Schließen Sie dieses Fenster, warten Sie ein paar Minuten und beginnen Sie die Anmeldung neu."}},
		{"locked",
			[2]HTML{
				"Der Schlüsselbund dieses Computers ist gesperrt, deshalb konnte die Anmeldung nicht gespeichert werden.",
				"Schließen Sie dieses Fenster, entsperren Sie den Schlüsselbund und beginnen Sie die Anmeldung neu."}},
		{"keychain",
			[2]HTML{
				"Der Schlüsselbund dieses Computers hat die Anmeldung nicht angenommen, deshalb wurde nichts gespeichert.",
				"Schließen Sie dieses Fenster. Die Menüleiste oder das Terminal sagt, was im Weg steht."}},
		{"storage", [2]HTML{"Die Anmeldung konnte auf diesem Computer nicht gespeichert werden.",
			"Schließen Sie dieses Fenster, sorgen Sie für freien Speicherplatz und beginnen Sie die Anmeldung neu."}},
	},
	Reasons: Table[HTML]{
		{"malformed", "Die Anfrage ist fehlerhaft."},
		{"repeated", "Eine Angabe steht zweimal in der Adresse."},
		{"state",
			"Das Kennzeichen dieser Anmeldung stimmt nicht: vielleicht ein Angriff (CSRF), oder eine Seite von einem früheren Versuch."},
		{"issuer", "Die Antwort nennt einen anderen Anmeldedienst."},
		{"no-code", "Es kam kein Code an."},
		{"code", "Der Code ist fehlerhaft."},
		{"both", "Die Antwort enthält einen Code und zugleich einen Fehler."},
		{"host", "Die Adresse ist keine dieser Anmeldung."},
		{"navigation", "Hier wird nur eine Seite beantwortet, die ein Mensch öffnet."},
		{"path", "Unter dieser Adresse gibt es keine Seite."},
		{"method", "Hier wird nur das Abrufen einer Seite beantwortet."},
		{"too-big", "Die Anfrage ist zu groß."},
	},
}
