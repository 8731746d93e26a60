{{/* The pod. In mode kserve the ServingRuntime has the server's container and KServe makes the pod; a test holds both alike. */}}

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

{{/* What is this service's own; the rest of the arguments is the runtime's. */}}
{{- define "headgate.args" -}}
- --sha256={{ include "headgate.sha256" . }}
- --threads={{ .Values.threads }}
{{- if include "headgate.predictor" . }}
- --predictor=http://127.0.0.1:{{ include "headgate.predictor.port" . }}
{{- end }}
{{- with .Values.faults.delay_ms }}
- --delay-ms={{ . }}
{{- end }}
{{- with .Values.faults.fail_share }}
- --fail-share={{ . }}
{{- end }}
{{- if .Values.log_answers }}
- --log-dir=/answers
- --log-limit-mib={{ int64 .Values.log_limit_mib }}
{{- with .Values.log_share }}
- --log-share={{ . }}
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" .Values.log_flush_seconds) }}
- --flush-seconds={{ .Values.log_flush_seconds }}
{{- end }}
{{- with .Values.grpc_port }}
- --grpc-port={{ . }}
{{- end }}
{{- if not (kindIs "invalid" .Values.price_per_hour) }}
- --price-per-hour={{ .Values.price_per_hour }}
{{- end }}
{{- if .Values.log_requests }}
- --log-requests
{{- end }}
{{- with .Values.traces }}
- --traces={{ . }}
{{- end }}
{{- with .Values.rate_limit }}
- --client-rate={{ .per_second }}
- --client-header={{ .header }}
{{- end }}
{{- with .Values.shadow }}
- --shadow-model=/mnt/shadow
- --shadow-sha256={{ .sha256 }}
{{- with .share }}
- --shadow-share={{ . }}
{{- end }}
{{- if $.Values.log_answers }}
- --shadow-log=/answers/pairs/{{ include "headgate.sha256" $ | trunc 12 }}-{{ .sha256 | trunc 12 }}
{{- end }}
{{- end }}
{{- with .Values.experiment }}
- --experiment={{ .name }}
- --experiment-model=/mnt/experiment
- --experiment-sha256={{ .sha256 }}
{{- with .share }}
- --experiment-share={{ . }}
{{- end }}
- {{ printf "--experiment-key=%s" .key | quote }}
{{- end }}
{{- end }}

{{/* A container that brings a model into a volume before the server starts: root, container, what `headgate fetch` is given. */}}
{{- define "headgate.fetch" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $volume := index . 2 }}{{ $folder := index . 3 }}{{ $more := index . 5 -}}
- name: {{ $name }}
  image: {{ include "headgate.image" $root }}
  imagePullPolicy: IfNotPresent
  command: [headgate, fetch]
  args: [{{ index . 4 | quote }}, {{ $folder }}{{ range $more }}, {{ . }}{{ end }}]
  envFrom:
    - secretRef:
        name: headgate-store
        optional: true
  env:
    - {name: HOME, value: /tmp}
  resources:
    requests: {cpu: 100m, memory: 128Mi}
    limits: {cpu: "1", memory: 512Mi}
  securityContext: {{- include "headgate.securityContext" $root | nindent 4 }}
  volumeMounts:
    - {name: {{ $volume }}, mountPath: {{ $folder }}}
    - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* What runs before the server and beside it, but the fetching of its own model. A second model comes as the first does,
only that a pod starts without its shadow, and not with a treatment that no verdict lets answer people. */}}
{{- define "headgate.beside" -}}
{{- if .Values.log_answers }}
{{ include "headgate.ship" . }}
{{- end }}
{{- with include "headgate.predictor" . }}
{{ include "headgate.fetch" (list $ "fetch-predictor" "predictor" "/mnt/predictor" (printf "%s/%s" $.Values.store $.Values.storageUri) (list (printf "--predictor=%s" .))) }}
{{ include "headgate.predictor.container" $ }}
{{- end }}
{{- with .Values.shadow }}
{{ include "headgate.fetch" (list $ "fetch-shadow" "shadow" "/mnt/shadow" (printf "%s/%s" $.Values.store .storageUri) (list "--optional")) }}
{{- end }}
{{- with .Values.experiment }}
{{- $proof := list (printf "--verdict=%s" .verdict) (printf "--champion=%s" .replaces) }}
{{ include "headgate.fetch" (list $ "fetch-experiment" "experiment" "/mnt/experiment" (printf "%s/%s?code=%s" $.Values.store .storageUri .code) $proof) }}
{{- end }}
{{- end }}

{{/* The service's own volumes, and where the server has them. */}}
{{- define "headgate.volumes" -}}
{{- if .Values.log_answers }}
- name: answers
  {{- /* More than the server keeps, with a shadow's pairs and what was in hand: who ends a pod is the kubelet. */}}
  emptyDir: {sizeLimit: {{ add .Values.log_limit_mib 512 }}Mi}
{{- end }}
{{- if include "headgate.predictor" . }}
- name: predictor
  emptyDir: {}
{{- end }}
{{- range list "shadow" "experiment" }}
{{- if index $.Values . }}
- name: {{ . }}
  emptyDir: {}
{{- end }}
{{- end }}
{{- end }}

{{- define "headgate.mounts" -}}
{{- if .Values.log_answers }}
- {name: answers, mountPath: /answers}
{{- end }}
{{- range list "shadow" "experiment" }}
{{- if index $.Values . }}
- {name: {{ . }}, mountPath: /mnt/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{/* KServe takes a port of this name for HTTP/2 without TLS, which gRPC is. */}}
{{- define "headgate.grpc" -}}
{{- with .Values.grpc_port }}- {name: h2c, containerPort: {{ . }}, protocol: TCP}{{ end }}
{{- end }}

{{/* Sends the server's answers to the store; it starts before the server and ends after it. */}}
{{- define "headgate.ship" -}}
- name: ship
  image: {{ include "headgate.image" . }}
  imagePullPolicy: IfNotPresent
  restartPolicy: Always
  command: [headgate, ship]
  args:
    - --log-dir=/answers
    - --name={{ .Release.Name }}
    - --environment={{ .Values.environment }}
    - --store={{ .Values.store }}
    - --every={{ include "headgate.seconds" (list "serving.yaml: log_every" .Values.log_every) }}
    - --delete
  envFrom:
    - secretRef:
        name: headgate-store
        optional: true
  env:
    - {name: HOME, value: /tmp}
  resources:
    requests: {cpu: 20m, memory: 128Mi}
    limits: {cpu: "1", memory: 256Mi}
  securityContext: {{- include "headgate.securityContext" . | nindent 4 }}
  volumeMounts:
    - {name: answers, mountPath: /answers}
    - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* The image that answers for the model: ready before the server starts, asked by it alone, gone after it. Its files lie where
every model's do; what it is was held to the package's predictor.json when they were fetched. */}}
{{- define "headgate.predictor.container" -}}
{{- $own := .Values.predictor | default dict }}
{{- $gpu := dict }}
{{- if $own.gpu }}{{ $gpu = dict .Values.resources.gpu_resource (toString $own.gpu) }}{{ end }}
{{- $port := include "headgate.predictor.port" . }}
- name: predictor
  image: {{ include "headgate.predictor" . }}
  imagePullPolicy: IfNotPresent
  restartPolicy: Always
  {{- with $own.args }}
  args: {{- toYaml . | nindent 4 }}
  {{- end }}
  env:
    - {name: HOME, value: /tmp}
  resources:
    requests: {{- merge (dict "cpu" ($own.cpu | default "250m") "memory" ($own.memory | default "1Gi")) $gpu | toYaml | nindent 6 }}
    limits: {{- merge (dict "cpu" ($own.cpu_limit | default "2") "memory" ($own.memory | default "1Gi")) $gpu | toYaml | nindent 6 }}
  startupProbe:
    httpGet: {path: /v2/health/ready, port: {{ $port }}}
    periodSeconds: 1
    timeoutSeconds: 2
    failureThreshold: 240
  livenessProbe:
    httpGet: {path: /v2/health/live, port: {{ $port }}}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  securityContext: {{- include "headgate.securityContext" . | nindent 4 }}
  volumeMounts:
    - {name: predictor, mountPath: /mnt/models, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "headgate.resources" -}}
{{- $own := .Values.resources }}
{{- $gpu := dict }}
{{- if $own.gpu }}{{ $gpu = dict $own.gpu_resource (toString $own.gpu) }}{{ end }}
{{- $cores := $own.cpu_limit | default (add 1 .Values.threads | toString) -}}
requests: {{- merge (dict "cpu" $own.cpu "memory" $own.memory) $gpu | toYaml | nindent 2 }}
limits: {{- merge (dict "cpu" $cores "memory" $own.memory) $gpu | toYaml | nindent 2 }}
{{- end }}

{{/* Where pods may run; the same for both modes. */}}
{{- define "headgate.placement" -}}
serviceAccountName: {{ .Values.service_account }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 45
securityContext: {{- include "headgate.podSecurityContext" . | nindent 2 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        app: {{ include "headgate.app" . }}
{{- with .Values.pull_secrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.node_selector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headgate.pod" -}}
{{ include "headgate.placement" . }}
initContainers:
  {{- include "headgate.fetch" (list . "fetch" "model" "/mnt/models" (include "headgate.uri" .) list) | nindent 2 }}
  {{- with include "headgate.beside" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
containers:
  - name: server
    image: {{ include "headgate.image" . }}
    imagePullPolicy: IfNotPresent
    command: [headgate, serve]
    args:
      - --model=/mnt/models
      - --service-file=/mnt/models/service/service.yaml
      - --host=0.0.0.0
      - --port=8080
      {{- include "headgate.args" . | nindent 6 }}
    env:
      - {name: HOME, value: /tmp}
    ports:
      - {name: http, containerPort: 8080, protocol: TCP}
      {{- with include "headgate.grpc" . }}
      {{- . | nindent 6 }}
      {{- end }}
    resources: {{- include "headgate.resources" . | nindent 6 }}
    startupProbe:
      httpGet: {path: /v2/health/ready, port: 8080}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 240
    readinessProbe:
      httpGet: {path: /v2/health/ready, port: 8080}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 3
    livenessProbe:
      httpGet: {path: /v2/health/live, port: 8080}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    lifecycle:
      preStop:
        exec: {command: [sleep, "5"]}
    securityContext: {{- include "headgate.securityContext" . | nindent 6 }}
    volumeMounts:
      - {name: model, mountPath: /mnt/models, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- with include "headgate.mounts" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
volumes:
  {{- with include "headgate.volumes" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  - name: model
    emptyDir: {}
  - name: tmp
    emptyDir: {}
{{- end }}
