{{/* What everything is called. Labels hold nothing that changes from version to version: on an InferenceService they reach
the pods, and a new pod template is a new canary. */}}

{{/* Not empty where there is something to serve: before the first promotion, and when it is retired, there is not. */}}
{{- define "headgate.serves" -}}
{{- if and .Values.storageUri (not .Values.retired) }}yes{{ end -}}
{{- end }}

{{- define "headgate.app" -}}isvc.{{ .Release.Name }}-predictor{{- end }}

{{- define "headgate.host" -}}{{ .Release.Name }}.{{ .Values.domain }}{{- end }}

{{- define "headgate.sha256" -}}{{ .Values.storageUri | base }}{{- end }}

{{- define "headgate.uri" -}}{{ .Values.store }}/{{ .Values.storageUri }}?code={{ .Values.code }}{{- end }}

{{- define "headgate.image" -}}{{ .Values.image | default (printf "%s:%s" .Values.repository .Values.runtime) }}{{- end }}

{{/* The image that answers for the model, where one of the owner's own does. */}}
{{- define "headgate.predictor" -}}{{ (.Values.model | default dict).predictor | default "" }}{{- end }}

{{- define "headgate.predictor.port" -}}{{ (.Values.predictor | default dict).port | default 8000 }}{{- end }}

{{- define "headgate.labels" -}}
app.kubernetes.io/name: headgate-service
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: headgate
{{- end }}

{{- define "headgate.meta" -}}
labels: {{- include "headgate.labels" . | nindent 2 }}
{{- end }}

{{/* What everything was rendered from: by these marks the receiver knows which commit a Rollout and its AnalysisRuns are of.
They never stand in the Rollout's spec. KServe changes the Deployment a moment after the same commit changed the Rollout;
a controller that is busy with the one may miss the other for good (Argo Rollouts 1.9 writes back to its cache). */}}
{{- define "headgate.marks" -}}
{{- $settings := pick .Values "replicas" "threads" "faults" "resources" "log_answers" "log_every" "log_limit_mib" "log_share" "autoscaling" "node_selector"
  "tolerations" "log_flush_seconds" "grpc_port" "price_per_hour" "rate_limit" "shadow" "experiment" "traces" "predictor" -}}
{{- if .Values.log_requests }}{{ $settings = set $settings "log_requests" true }}{{ end -}}
{{- $chart := list .Values.chart .Values.runtime (eq .Values.mode "kserve" | ternary "" .Values.mode) .Values.image -}}
model: {{ include "headgate.sha256" . }}
serving: {{ $settings | toJson | quote }}
chart: {{ $chart | compact | join "/" | quote }}
{{- end }}

{{/* How an analysis is asked for: which template, of which pods. */}}
{{- define "headgate.asked" -}}
{{- $root := index . 0 -}}
templates: [{templateName: {{ $root.Release.Name }}-{{ index . 1 }}}]
args:
  - {name: hash, valueFrom: {podTemplateHashValue: Latest}}
  - {name: stable, valueFrom: {podTemplateHashValue: Stable}}
analysisRunMetadata:
  labels:
    headgate.dev/service: {{ $root.Release.Name }}
    headgate.dev/environment: {{ $root.Values.environment }}
{{- end }}

{{/* A length in seconds. */}}
{{- define "headgate.seconds" -}}
{{- $what := index . 0 }}{{ $text := toString (index . 1) -}}
{{- if not (regexMatch "^P(\\d+D)?(T(\\d+H)?(\\d+M)?(\\d+S)?)?$" $text | and (regexMatch "\\d[DHMS]$" $text)) -}}
{{- fail (printf "%s is %q; expected a length in whole seconds or more, like PT5M or P1D" $what $text) -}}
{{- end -}}
{{- $clock := regexFind "T.*" $text -}}
{{- $days := regexFind "\\d+D" $text | trimSuffix "D" | int -}}
{{- $hours := regexFind "\\d+H" $clock | trimSuffix "H" | int -}}
{{- $minutes := regexFind "\\d+M" $clock | trimSuffix "M" | int -}}
{{- $seconds := regexFind "\\d+S" $clock | trimSuffix "S" | int -}}
{{- add (mul $days 86400) (mul $hours 3600) (mul $minutes 60) $seconds -}}
{{- end }}
