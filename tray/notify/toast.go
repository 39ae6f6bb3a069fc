package notify

import "encoding/xml"

// toastXML writes a notification in Windows' words (toast schema). argument is what
// Windows hands back when the button is pressed.
func toastXML(n Notice, picture, argument string) (string, error) {
	type image struct {
		Placement string `xml:"placement,attr"`
		Source    string `xml:"src,attr"`
	}
	type action struct {
		Content   string `xml:"content,attr"`
		Arguments string `xml:"arguments,attr"`
		Type      string `xml:"activationType,attr"`
	}
	type actions struct {
		Action action `xml:"action"`
	}
	var toast struct {
		XMLName  xml.Name `xml:"toast"`
		Type     string   `xml:"activationType,attr"`
		Launch   string   `xml:"launch,attr,omitempty"`
		Duration string   `xml:"duration,attr"`
		Binding  struct {
			Template string   `xml:"template,attr"`
			Image    *image   `xml:"image"`
			Lines    []string `xml:"text"`
		} `xml:"visual>binding"`
		Audio struct {
			Silent bool `xml:"silent,attr"`
		} `xml:"audio"`
		Actions *actions `xml:"actions"`
	}
	toast.Type, toast.Duration, toast.Audio.Silent = "foreground", "short", true
	if n.Urgent {
		toast.Duration = "long"
	}
	toast.Binding.Template, toast.Binding.Lines = "ToastGeneric", []string{n.Title, n.Body}
	if picture != "" {
		toast.Binding.Image = &image{"appLogoOverride", picture}
	}
	if n.Action != "" {
		toast.Launch = argument // a click on the text
		toast.Actions = &actions{action{n.Action, argument, "foreground"}}
	}
	encoded, err := xml.Marshal(toast)
	return string(encoded), err
}
