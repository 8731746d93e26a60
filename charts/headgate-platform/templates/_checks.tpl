{{/* What the schema cannot say. Every refusal names the setting and what was expected. */}}
{{- define "headgate.checks" -}}
{{- $values := .Values -}}
{{- range $key, $what := dict "store" "s3://<bucket>, where models and records are kept" "forge" "the env repo, such as gitea+https://host/owner/name" -}}
{{- if not (index $values $key) -}}
{{- fail (printf "%s is missing: %s" $key $what) -}}
{{- end -}}
{{- end -}}
{{- if not $values.receiver.namespaces -}}
{{- fail "receiver.namespaces is empty; name the environments' namespaces" -}}
{{- end -}}
{{- if ne (len $values.receiver.namespaces) (len (uniq $values.receiver.namespaces)) -}}
{{- fail (printf "receiver.namespaces names one twice: %s" (join ", " $values.receiver.namespaces)) -}}
{{- end -}}
{{- range $values.receiver.namespaces -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .) -}}
{{- fail (printf "receiver.namespaces: %q is no namespace" .) -}}
{{- end -}}
{{- end -}}
{{- if ne $values.receiver.runs .Release.Namespace -}}
{{- fail (printf "receiver.runs is %q, and the pipelines are installed into namespace %q; make them the same" $values.receiver.runs .Release.Namespace) -}}
{{- end -}}
{{- range $key := list "HEADGATE_STORE" "HEADGATE_FORGE" "HEADGATE_TRACKER" "HEADGATE_FORGE_APP" -}}
{{- if hasKey $values.variables $key -}}
{{- fail (printf "variables.%s has a setting of its own: %s" $key (trimPrefix "HEADGATE_" $key | lower)) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "AWS_SECRET_ACCESS_KEY" "AWS_ACCESS_KEY_ID" "AWS_SESSION_TOKEN" -}}
{{- if hasKey $values.variables $key -}}
{{- fail (printf "variables.%s is a secret; keep it in Secret %q" $key $values.secrets.store) -}}
{{- end -}}
{{- end -}}
{{- range $values.measured -}}
{{- if not (hasKey $values.receiver.services .service) -}}
{{- fail (printf "measured names service %q, which receiver.services does not" .service) -}}
{{- end -}}
{{- if and (not .image) (contains "{commit}" (index $values.receiver.services .service).image) -}}
{{- fail (printf "measured: service %q has an image for each commit; give `image` here" .service) -}}
{{- end -}}
{{- if gt (len (printf "measure-%s-%s" .service .environment)) 52 -}}
{{- fail (printf "measured: measure-%s-%s is longer than the 52 characters that a CronWorkflow may have" .service .environment) -}}
{{- end -}}
{{- end -}}
{{- $named := list -}}
{{- $written := dict -}}
{{- range $values.scored -}}
{{- if not (hasKey $values.receiver.services .service) -}}
{{- fail (printf "scored names service %q, which receiver.services does not" .service) -}}
{{- end -}}
{{- if and (not .image) (contains "{commit}" (index $values.receiver.services .service).image) -}}
{{- fail (printf "scored: service %q has an image for each commit; give `image` here" .service) -}}
{{- end -}}
{{- if has .name $named -}}
{{- fail (printf "scored names %q twice" .name) -}}
{{- end -}}
{{- $named = append $named .name -}}
{{- /* The manifest and the list of rejected rows have the output's name without its ending. */ -}}
{{- $place := printf "%s:%s" (.claim | default "headgate-files") (trimSuffix (ext .output) .output) -}}
{{- if hasKey $written $place -}}
{{- $other := get $written $place -}}
{{- fail (printf "scored %q and %q write the same files: outputs %q and %q" $other.name .name $other.output .output) -}}
{{- end -}}
{{- $_ := set $written $place . -}}
{{- end -}}
{{- end }}
