{{/* What the schema cannot say. Every refusal names the file, the setting and what was expected. */}}
{{- define "headgate.checks" -}}
{{- $values := .Values }}{{ $name := .Release.Name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" $name) -}}
{{- fail (printf "release %q is not the name of a service; expected lower-case letters, digits and '-', first a letter, at most 40 characters" $name) -}}
{{- end -}}
{{- if ne $values.chart .Chart.Version -}}
{{- fail (printf "app.yaml: chart is %q, and this is version %s of it; render it with charts/headgate-service/%s" $values.chart .Chart.Version $values.chart) -}}
{{- end -}}
{{- if not (regexMatch "^models/[a-z]([-a-z0-9]{0,38}[a-z0-9])?/[0-9a-f]{64}$" $values.storageUri) -}}
{{- fail (printf "version.yaml: storageUri is %q, which could change; expected models/<service>/<sha256>" $values.storageUri) -}}
{{- end -}}
{{- if ne (index (splitList "/" $values.storageUri) 1) $name -}}
{{- fail (printf "version.yaml: storageUri %q is not a model of service %q" $values.storageUri $name) -}}
{{- end -}}
{{- if or (not $values.model) (ne $values.model.sha256 (include "headgate.sha256" .)) (ne $values.model.name $name) -}}
{{- fail (printf "version.yaml: storageUri %q is not of the model that `model` names" $values.storageUri) -}}
{{- end -}}
{{- if not (regexMatch "^[0-9a-f]{64}$" (default "" $values.code)) -}}
{{- fail (printf "version.yaml: code is %q; expected the sha256 of the service's own files" (default "" $values.code)) -}}
{{- end -}}
{{- range $key, $what := dict "environment" "its own name" "store" "s3://<bucket>, where models are kept" "domain" "the domain that services are answered under" -}}
{{- if not (index $values $key) -}}
{{- fail (printf "environment.yaml: %s is missing; a cluster needs %s" $key $what) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" $values.domain) -}}
{{- fail (printf "environment.yaml: domain %q is no domain; expected for instance models.example" $values.domain) -}}
{{- end -}}
{{- if and (ne $values.router "traefik") (not (regexMatch "^[^/]+/[^/]+$" (default "" $values.gateway))) -}}
{{- fail (printf "environment.yaml: gateway is %q; router %s needs <namespace>/<name>" (default "" $values.gateway) $values.router) -}}
{{- end -}}
{{- if and $values.autoscaling (gt (int $values.autoscaling.min) (int $values.autoscaling.max)) -}}
{{- fail (printf "serving.yaml: autoscaling.min %v is more than autoscaling.max %v" $values.autoscaling.min $values.autoscaling.max) -}}
{{- end -}}
{{- if lt (include "headgate.seconds" (list "serving.yaml: log_every" $values.log_every) | int) 1 -}}
{{- fail (printf "serving.yaml: log_every is %q; expected more than nothing" $values.log_every) -}}
{{- end -}}
{{- include "headgate.checks.second" . -}}
{{- include "headgate.checks.canary" . -}}
{{- end }}

{{/* A second model beside the champion: what `headgate env lint` says too. */}}
{{- define "headgate.checks.second" -}}
{{- $values := .Values }}{{ $champion := include "headgate.sha256" . -}}
{{- if eq (int (default 0 $values.grpc_port)) 8080 -}}
{{- fail "serving.yaml: grpc_port is 8080, where HTTP is answered; choose another, for instance 9000" -}}
{{- end -}}
{{- with $values.predictor -}}
{{- if has (int (include "headgate.predictor.port" $)) (list 8080 (int (default 0 $values.grpc_port))) -}}
{{- fail (printf "serving.yaml: predictor.port is %v, where the server itself answers; choose another, for instance 8000" .port) -}}
{{- end -}}
{{- end -}}
{{- range $what := list "shadow" "experiment" -}}
{{- with index $values $what -}}
{{- if ne .storageUri (printf "models/%s/%s" $.Release.Name .sha256) -}}
{{- fail (printf "serving.yaml: %s.storageUri is %q; expected models/%s/%s, of this service and of %s.sha256" $what .storageUri $.Release.Name .sha256 $what) -}}
{{- end -}}
{{- if eq .sha256 $champion -}}
{{- fail (printf "serving.yaml: %s is model %s, which is the champion: it would be compared with itself" $what (trunc 12 .sha256)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $values.experiment -}}
{{- if ne .replaces $champion -}}
{{- fail (printf "serving.yaml: experiment %q is beside champion %s, and version.yaml names %s; end the experiment first" .name (trunc 12 .replaces) (trunc 12 $champion)) -}}
{{- end -}}
{{- if ne .code $values.code -}}
{{- fail (printf "serving.yaml: experiment.code is %s, and the champion's code %s would compute its features" (trunc 12 .code) (trunc 12 $values.code)) -}}
{{- end -}}
{{- if not $values.log_answers -}}
{{- fail "serving.yaml: experiment without log_answers: nobody would learn which is better" -}}
{{- end -}}
{{- if lt (float64 (default 1 $values.log_share)) 1.0 -}}
{{- fail "serving.yaml: experiment with log_share: it learns from every row; take log_share out" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "headgate.checks.canary" -}}
{{- $plan := required "serving.yaml: canary is null; leave it out for the default plan" .Values.canary -}}
{{- $known := .Files.Get "files/questions.yaml" | fromYaml -}}
{{- range $question := $plan.questions -}}
{{- if not (hasKey $known.questions $question) -}}
{{- fail (printf "serving.yaml: canary.questions names %q; known: %s" $question (keys $known.questions | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if not $plan.questions -}}
{{- fail "serving.yaml: canary.questions is empty; nothing takes over unjudged" -}}
{{- end -}}
{{- if ne (len $plan.questions) (len (uniq $plan.questions)) -}}
{{- fail (printf "serving.yaml: canary.questions names one twice: %s" (join ", " $plan.questions)) -}}
{{- end -}}
{{- if and (has "p99" $plan.questions) (not (hasKey $known.bounds (toString $plan.limits.p99_ms))) -}}
{{- fail (printf "serving.yaml: canary.limits.p99_ms is %v, which no bucket of the server's histogram ends at; choose one of %s" $plan.limits.p99_ms $known.milliseconds) -}}
{{- end -}}
{{- range $key := list "interval" "deadline" -}}
{{- if lt (include "headgate.seconds" (list (printf "serving.yaml: canary.%s" $key) (index $plan $key)) | int) 1 -}}
{{- fail (printf "serving.yaml: canary.%s is %q; expected more than nothing" $key (index $plan $key)) -}}
{{- end -}}
{{- end -}}
{{- end }}
