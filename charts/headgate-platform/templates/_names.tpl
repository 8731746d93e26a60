{{/* Names are fixed: pipelines, rules and other charts know them. One installation a namespace. */}}
{{- define "headgate.labels" -}}
app.kubernetes.io/name: headgate-platform
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: headgate
{{- end }}

{{- define "headgate.meta" -}}
labels: {{- include "headgate.labels" . | nindent 2 }}
{{- end }}

{{- define "headgate.receiver.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: receiver
{{- end }}

{{- define "headgate.receiver.url" -}}http://headgate-receiver.{{ .Release.Namespace }}.svc:8080{{- end }}

{{- define "headgate.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headgate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headgate.pullSecrets" -}}
{{- with .Values.pull_secrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
