package assets

import "keytender/internal/language"

var french = Words{
	Tag: language.French,

	Done: "Terminé", NotDone: "Non terminé", TooLate: "Trop tard", Stopped: "Arrêté", Attention: "Attention",
	InProgress: "En cours",

	Plan: "Offre : {{plan}}",
	Said: "Le service de connexion donne cette raison : {{said}}",

	Finishing: Page{
		Title: "La connexion se termine",
		Body:  "Votre réponse est arrivée et est en cours d’enregistrement. Cela prend un instant.",
		Next:  `La page avance d’elle-même. Sinon, <a href="{{next}}">continuez ici</a>.`,
	},
	SignedIn: Page{
		Title: "Connecté",
		Body:  "La connexion a réussi. Elle est enregistrée sur cet ordinateur, et Keytender la renouvelle pour vous.",
		Next:  "Vous pouvez fermer cette fenêtre et revenir au terminal ou à la barre de menus.",
	},
	Elsewhere: Page{
		Title: "Déjà connecté",
		Body:  "Le code que vous avez collé est arrivé le premier et a terminé cette connexion. Cette page n’était plus nécessaire.",
		Next:  "Vous pouvez fermer cette fenêtre et revenir au terminal ou à la barre de menus.",
	},
	As: "{{title}} : {{email}}",
	Declined: Page{
		Title: "Vous avez choisi de ne pas autoriser",
		Body:  "Rien n’a été enregistré, et rien n’a été modifié.",
		Next:  "Pour vous connecter malgré tout, recommencez quand vous voulez et choisissez <strong>Autoriser</strong>.",
	},
	TimedOut: Page{
		Title: "Cette connexion a pris trop de temps",
		Body:  "Le temps prévu pour cette connexion s’est écoulé avant qu’elle soit terminée. Rien n’a été enregistré.",
		Next:  "Fermez cette fenêtre et recommencez la connexion depuis la barre de menus ou le terminal.",
	},
	Cancelled: Page{
		Title: "Cette connexion a été annulée",
		Body:  "Elle a été arrêtée dans la barre de menus ou le terminal avant d’être terminée. Rien n’a été enregistré.",
		Next:  "Fermez cette fenêtre. Vous pouvez y recommencer la connexion quand vous voulez.",
	},
	Stray: Page{
		Title: "Cette page ne fait pas partie de la connexion en cours",
		Body:  "Keytender ne l’a pas acceptée, et rien n’a été modifié. C’est souvent un onglet resté d’un essai précédent.",
		Next:  "Fermez cette fenêtre. Terminez dans l’onglet de connexion le plus récent, ou recommencez la connexion.",
	},
	Refused: Page{
		Title: "Il n’y a rien à voir ici",
		Body:  "Keytender attend ici la fin d’une connexion. Cette demande n’en fait pas partie, et rien n’a été modifié.",
		Next:  "Vous pouvez fermer cette fenêtre.",
	},
	Welcome: Page{
		Title: "Bienvenue dans Keytender",
		Body:  "Keytender se tient dans la barre de menus, garde active pour Claude Code la connexion de votre propre compte Claude et vous prévient à temps avant qu’elle expire. Il ne l’envoie nulle part ailleurs que chez Anthropic, et n’est pas fait par Anthropic.",
		Next:  "Avant de vous connecter : les conditions d’Anthropic n’autorisent pas les tiers à proposer la connexion à Claude.ai. Le serveur peut refuser Keytender, et c’est alors définitif. Ces voies vous sont ouvertes.",
	},
	Ways: Table[Way]{
		{"browser", Way{"Se connecter", "Dans votre navigateur, par Keytender lui-même.",
			Page{Title: "La page de connexion s’ouvre", Body: "Continuez dans le nouvel onglet de votre navigateur.",
				Next: "Vous pouvez fermer cette fenêtre. La clé dans la barre de menus dit où cela en est."}}},
		{"claude", Way{"Se connecter via Claude Code",
			"La connexion propre à Claude Code, comme le prévoient les conditions. Keytender en garde une copie.", Page{
				Title: "Claude Code vous connecte",
				Body:  "Keytender a demandé à Claude Code de vous connecter.",
				Next:  "Continuez dans la page que Claude Code ouvre dans votre navigateur. Le menu de Keytender dit où cela en est, et vous pouvez fermer cette fenêtre.",
			}}},
		{"watch",
			Way{"Observer seulement",
				"Keytender ne garde aucune copie : il dit où en est la connexion de Claude Code et quand elle expire.",
				Page{Title: "Keytender observe seulement",
					Body: "Il ne garde aucune copie de votre connexion et vous prévient avant l’expiration de celle de Claude Code.",
					Next: "Vous pouvez fermer cette fenêtre. Le menu permet d’en changer à tout moment."}}},
	},

	NotSignedIn: "Connexion non effectuée",
	Kept: Table[HTML]{{"keychain", "Elle est gardée dans le trousseau de cet ordinateur."},
		{"file",
			"Il n’y a pas de trousseau ici : elle est gardée dans un simple fichier que seul votre utilisateur peut lire."},
		{"aside",
			"Aucun trousseau ne l’a encore prise : elle attend dans un fichier à vous et sera déplacée automatiquement."}},
	Failures: Table[[2]HTML]{
		{"", [2]HTML{"La connexion n’a pas pu être terminée.",
			"Fermez cette fenêtre. La barre de menus ou le terminal en dit plus."}},
		{"refused",
			[2]HTML{"Le service de connexion ne permet pas à Keytender de vous connecter. Rien n’a été enregistré.",
				"Connectez-vous plutôt <strong>via Claude Code</strong> : sa propre connexion est la voie prévue par le service."}},
		{"code-refused",
			[2]HTML{
				"Le service de connexion n’a pas accepté la réponse. Elle ne sert qu’une fois, et pendant quelques minutes seulement. Rien n’a été enregistré.",
				"Fermez cette fenêtre et recommencez la connexion."}},
		{"other-account", [2]HTML{"Ce n’est pas le compte qui était demandé. Rien n’a été enregistré.",
			"Fermez cette fenêtre. Déconnectez-vous de ce compte dans le navigateur et recommencez la connexion."}},
		{"try-later", [2]HTML{"Le service de connexion est injoignable ou en difficulté. Rien n’a été enregistré.",
			"Fermez cette fenêtre, attendez quelques minutes et recommencez la connexion."}},
		{"locked", [2]HTML{"Le trousseau de cet ordinateur est verrouillé : la connexion n’a pas pu être enregistrée.",
			"Fermez cette fenêtre, déverrouillez le trousseau et recommencez la connexion."}},
		{"keychain", [2]HTML{"Le trousseau de cet ordinateur n’a pas accepté la connexion : rien n’a été enregistré.",
			"Fermez cette fenêtre. La barre de menus ou le terminal dit ce qui l’empêche."}},
		{"storage", [2]HTML{"La connexion n’a pas pu être enregistrée sur cet ordinateur.",
			"Fermez cette fenêtre, vérifiez qu’il reste de l’espace libre et recommencez la connexion."}},
	},
	Reasons: Table[HTML]{
		{"malformed", "La demande est mal formée."},
		{"repeated", "Un paramètre figure deux fois dans l’adresse."},
		{"state",
			"La marque de cette connexion ne correspond pas : peut-être une attaque (CSRF), ou une page d’un essai précédent."},
		{"issuer", "La réponse nomme un autre service de connexion."},
		{"no-code", "Aucun code n’a été reçu."},
		{"code", "Le code est mal formé."},
		{"both", "La réponse contient à la fois un code et une erreur."},
		{"host", "L’adresse n’est pas une de celles de cette connexion."},
		{"navigation", "Seule une page ouverte par une personne reçoit une réponse ici."},
		{"path", "Il n’y a pas de page à cette adresse."},
		{"method", "Seule la lecture d’une page reçoit une réponse ici."},
		{"too-big", "La demande est trop grande."},
	},
}
