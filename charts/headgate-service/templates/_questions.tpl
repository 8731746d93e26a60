{{/* The questions as metrics of an AnalysisTemplate. They come from headgate.canary by `make render`; here the plan's
numbers are put in. No data makes neither condition true: the measurement is inconclusive, which holds the canary.

Beside each question stand, in dry runs, the counts it was judged by: the receiver reads them for tags and reverts. */}}
{{- define "headgate.metrics" -}}
{{- $plan := .root.Values.canary }}{{ $known := .root.Files.Get "files/questions.yaml" | fromYaml -}}
{{- $alpha := divf $known.alpha (mul (len $plan.steps) (len $plan.questions)) -}}
{{- $common := dict "interval" (include "headgate.seconds" (list "canary.interval" $plan.interval) | int) -}}
{{- $deadline := include "headgate.seconds" (list "canary.deadline" $plan.deadline) | int -}}
{{- $looks := add 1 (div (add $deadline $common.interval) $common.interval) -}}
{{- $_ := merge $common (dict "address" .root.Values.prometheus "looks" $looks "once" .once "errors" (max 1000 $looks (add 1 (div $deadline 10)))) -}}
{{- $beside := list -}}
{{- $gate := "" -}}
{{- range $name := $plan.questions }}
{{- $question := index $known.questions $name }}
{{- $limit := $question.limit }}
{{- if kindIs "string" $limit }}{{ $limit = index $plan.limits $limit }}{{ end }}
{{- $bound := index $known.bounds (toString $plan.limits.p99_ms) | default "" }}
{{- $words := dict "$service" $.root.Release.Name "$namespace" $.root.Release.Namespace "$bound" $bound }}
{{- $canary := include "headgate.counts" (list $question $words "{{args.hash}}") | fromJson }}
{{- $stable := include "headgate.counts" (list $question $words "{{args.stable}}") | fromJson }}
{{- $query := $known.judgement | replace "$min_requests" (toString $plan.min_requests) | replace "$limit" (toString $limit) }}
{{- $query = $query | replace "$alpha" (toString $alpha) | replace "$requests" $canary.requests | replace "$bad" $canary.bad }}
{{- include "headgate.metric" (merge (dict "name" $name "query" $query "success" "result[0] == -1" "failure" "len(result) > 0 && result[0] == 1") $common) }}
{{- $gate = printf "%s >= %v" $canary.requests $plan.min_requests }}
{{- $beside = append $beside (list (printf "%s-bad" $name) $canary.bad $gate) }}
{{- $beside = append $beside (list (printf "%s-requests" $name) $canary.requests $gate) }}
{{- $beside = append $beside (list (printf "%s-stable" $name) (printf "(%s / %s or vector(NaN))" $stable.bad $stable.requests) $gate) }}
{{- if eq $name (last $plan.questions) }}
{{- $beside = append $beside (list "stable-requests" (printf "(%s or vector(0))" $stable.requests) $gate) }}
{{- end }}
{{- end }}
{{- range $beside }}
{{- include "headgate.metric" (merge (dict "name" (index . 0) "query" (include "headgate.count" (list (index . 1) (index . 2) $common.once)) "count" true) $common) }}
{{- end }}
{{- end }}

{{/* A question's two counts over the pods of one hash. */}}
{{- define "headgate.counts" -}}
{{- $question := index . 0 }}{{ $words := index . 1 }}{{ $hash := index . 2 }}{{ $counts := dict -}}
{{- range $what := list "requests" "bad" -}}
{{- $query := index $question $what | replace "$hash" $hash -}}
{{- range $word, $value := $words }}{{ $query = replace $word $value $query }}{{ end -}}
{{- $_ := set $counts $what $query -}}
{{- end -}}
{{- toJson $counts -}}
{{- end }}

{{/* A count. Where the analysis ends by itself every metric must end too: with enough requests the count is given twice,
and two values are what it waits for. */}}
{{- define "headgate.count" -}}
{{- $query := index . 0 -}}
{{- if index . 2 -}}
{{- printf `%s or label_replace(%s and on() (%s), "enough", "yes", "", "")` $query $query (index . 1) -}}
{{- else }}{{ $query }}{{ end -}}
{{- end }}

{{/* A measurement errs while Prometheus cannot be reached, and is tried again after 10 s: that ends no canary before its
deadline. */}}
{{- define "headgate.metric" }}
- name: {{ .name }}
  interval: {{ .interval }}s
  {{- if not .count }}
  successCondition: len(result) > 0 && {{ .success }}
  failureCondition: {{ .failure }}
  failureLimit: 0
  {{- else if .once }}
  successCondition: len(result) > 1
  failureCondition: "false"
  {{- end }}
  {{- if .once }}
  consecutiveSuccessLimit: 1
  count: {{ .looks }}
  inconclusiveLimit: {{ .looks }}
  {{- else }}
  inconclusiveLimit: 1000000
  {{- end }}
  consecutiveErrorLimit: {{ .errors }}
  provider:
    prometheus:
      address: {{ .address | quote }}
      timeout: 10
      query: {{ .query | quote }}
{{- end }}
