package assets

import "keytender/internal/language"

var spanish = Words{
	Tag: language.Spanish,

	Done: "Hecho", NotDone: "No hecho", TooLate: "Demasiado tarde", Stopped: "Detenido", Attention: "Atención",
	InProgress: "En curso",

	Plan: "Plan: {{plan}}",
	Said: "El servicio de inicio de sesión da este motivo: {{said}}",

	Finishing: Page{
		Title: "Se está terminando el inicio de sesión",
		Body:  "Su respuesta ha llegado y se está guardando de forma segura. Tarda un momento.",
		Next:  `La página avanza sola. Si no lo hace, <a href="{{next}}">continúe aquí</a>.`,
	},
	SignedIn: Page{
		Title: "Sesión iniciada",
		Body:  "El inicio de sesión ha funcionado. La sesión está guardada en este equipo, y Keytender la renueva por usted.",
		Next:  "Puede cerrar esta ventana y volver al terminal o a la barra de menús.",
	},
	Elsewhere: Page{
		Title: "Sesión ya iniciada",
		Body:  "El código que usted pegó llegó primero y terminó este inicio de sesión. Esta página ya no hacía falta.",
		Next:  "Puede cerrar esta ventana y volver al terminal o a la barra de menús.",
	},
	As: "{{title}}: {{email}}",
	Declined: Page{
		Title: "Usted decidió no permitirlo",
		Body:  "No se ha guardado nada ni se ha cambiado nada.",
		Next:  "Para iniciar sesión de todos modos, empiece de nuevo cuando quiera y elija <strong>Permitir</strong>.",
	},
	TimedOut: Page{
		Title: "Este inicio de sesión tardó demasiado",
		Body:  "El tiempo para este inicio de sesión se acabó antes de que terminara. No se ha guardado nada.",
		Next:  "Cierre esta ventana y empiece de nuevo el inicio de sesión desde la barra de menús o el terminal.",
	},
	Cancelled: Page{
		Title: "Este inicio de sesión se canceló",
		Body:  "Se detuvo en la barra de menús o en el terminal antes de terminar. No se ha guardado nada.",
		Next:  "Cierre esta ventana. Allí puede empezar de nuevo el inicio de sesión cuando quiera.",
	},
	Stray: Page{
		Title: "Esta página no es del inicio de sesión actual",
		Body:  "Keytender no la aceptó y no se ha cambiado nada. A menudo es una pestaña que quedó de un intento anterior.",
		Next:  "Cierre esta ventana. Termine en la pestaña de inicio de sesión más reciente, o empiece de nuevo.",
	},
	Refused: Page{
		Title: "Aquí no hay nada que ver",
		Body:  "Keytender espera aquí el final de un inicio de sesión. Esta petición no forma parte de él, y no se ha cambiado nada.",
		Next:  "Puede cerrar esta ventana.",
	},
	Welcome: Page{
		Title: "Le damos la bienvenida a Keytender",
		Body:  "Keytender está en la barra de menús, mantiene viva para Claude Code la sesión de su propia cuenta de Claude y le avisa a tiempo antes de que caduque. No la envía a ningún sitio salvo a Anthropic, y no está hecho por Anthropic.",
		Next:  "Antes de iniciar sesión: las condiciones de Anthropic no permiten que terceros ofrezcan el inicio de sesión de Claude.ai. El servidor puede rechazar Keytender, y en ese caso es definitivo. Tiene estas vías.",
	},
	Ways: Table[Way]{
		{"browser", Way{"Iniciar sesión", "En el navegador, por medio de Keytender.",
			Page{Title: "Se abre la página de inicio de sesión", Body: "Continúe en la nueva pestaña del navegador.",
				Next: "Puede cerrar esta ventana. La llave de la barra de menús dice cómo va."}}},
		{"claude", Way{"Iniciar sesión a través de Claude Code",
			"El inicio de sesión propio de Claude Code, como prevén las condiciones. Keytender guarda una copia.", Page{
				Title: "Claude Code inicia su sesión",
				Body:  "Keytender ha pedido a Claude Code que inicie su sesión.",
				Next:  "Continúe en la página que Claude Code abre en el navegador. El menú de Keytender dice cómo va, y puede cerrar esta ventana.",
			}}},
		{"watch",
			Way{"Solo observar",
				"Keytender no guarda ninguna copia: dice cómo está la sesión de Claude Code y cuándo caduca.",
				Page{Title: "Keytender ahora solo observa",
					Body: "No guarda ninguna copia de su sesión y le avisa antes de que caduque la de Claude Code.",
					Next: "Puede cerrar esta ventana. En el menú se puede cambiar cuando quiera."}}},
	},

	NotSignedIn: "Sesión no iniciada",
	Kept: Table[HTML]{{"keychain", "Se guarda en el llavero de este equipo."},
		{"file", "Aquí no hay llavero: se guarda en un archivo sin cifrar que solo su usuario puede leer."},
		{"aside", "Ningún llavero la ha aceptado aún: espera en un archivo suyo y se moverá sola."}},
	Failures: Table[[2]HTML]{
		{"", [2]HTML{"No se pudo terminar el inicio de sesión.",
			"Cierre esta ventana. La barra de menús o el terminal dice más."}},
		{"refused",
			[2]HTML{
				"El servicio de inicio de sesión no permite que Keytender inicie su sesión. No se ha guardado nada.",
				"Inicie sesión <strong>a través de Claude Code</strong>: su propio inicio de sesión es la vía que ofrece el servicio."}},
		{"code-refused",
			[2]HTML{
				"El servicio de inicio de sesión no aceptó la respuesta. Sirve una sola vez y durante pocos minutos. No se ha guardado nada.",
				"Cierre esta ventana y empiece de nuevo el inicio de sesión."}},
		{"other-account", [2]HTML{"Esta no es la cuenta que se pidió. No se ha guardado nada.",
			"Cierre esta ventana. Cierre la sesión de esa cuenta en el navegador y empiece de nuevo el inicio de sesión."}},
		{"try-later",
			[2]HTML{
				"No se puede contactar con el servicio de inicio de sesión, o tiene problemas. No se ha guardado nada.",
				"Cierre esta ventana, espere unos minutos y empiece de nuevo el inicio de sesión."}},
		{"locked", [2]HTML{"El llavero de este equipo está bloqueado, por eso no se pudo guardar la sesión.",
			"Cierre esta ventana, desbloquee el llavero y empiece de nuevo el inicio de sesión."}},
		{"keychain", [2]HTML{"El llavero de este equipo no aceptó la sesión, por eso no se ha guardado nada.",
			"Cierre esta ventana. La barra de menús o el terminal dice qué lo impide."}},
		{"storage", [2]HTML{"La sesión no se pudo guardar en este equipo.",
			"Cierre esta ventana, compruebe que hay espacio libre y empiece de nuevo el inicio de sesión."}},
	},
	Reasons: Table[HTML]{
		{"malformed", "La petición está mal formada."},
		{"repeated", "Un parámetro aparece dos veces en la dirección."},
		{"state",
			"La marca de este inicio de sesión no coincide: quizá un ataque (CSRF), o una página de un intento anterior."},
		{"issuer", "La respuesta nombra otro servicio de inicio de sesión."},
		{"no-code", "No se recibió ningún código."},
		{"code", "El código está mal formado."},
		{"both", "La respuesta contiene a la vez un código y un error."},
		{"host", "La dirección no es de este inicio de sesión."},
		{"navigation", "Aquí solo se responde a una página que abre una persona."},
		{"path", "No hay ninguna página en esta dirección."},
		{"method", "Aquí solo se responde a la lectura de una página."},
		{"too-big", "La petición es demasiado grande."},
	},
}
