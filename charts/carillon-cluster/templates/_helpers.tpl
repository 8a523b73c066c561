{{- define "cluster.name" -}}
{{- $name := .Release.Name -}}
{{- with .Values.nameOverride }}{{ $name = printf "%s-%s" $name . }}{{ end -}}
{{ default $name .Values.fullnameOverride }}
{{- end }}

{{- define "cluster.namespace" -}}
{{ default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "cluster.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: carillon
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What every object's metadata has. Takes the context, a name, and labels and annotations of its own. */}}
{{- define "cluster.metadata" -}}
{{- $context := .context -}}
name: {{ .name }}
namespace: {{ include "cluster.namespace" $context }}
labels:
  {{- include "cluster.labels" $context | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) $context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The metadata of pods that an object makes, the same in every version of the chart. Takes the context, the values of the pods, and labels that select them. */}}
{{- define "cluster.podMetadata" -}}
labels:
  {{- omit (include "cluster.labels" .context | fromYaml) "helm.sh/chart" | toYaml | nindent 2 }}
  {{- with merge (dict) (default (dict) .selector) .pod.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .pod.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Who pulls the image of a pod, and where it runs. Takes the context and the values of the pod. */}}
{{- define "cluster.pod" -}}
enableServiceLinks: false
{{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $.pod $key }}
{{ $key }}: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
securityContext:
  {{- toYaml .context.Values.podSecurityContext | nindent 2 }}
{{- end }}

{{/* The name of an image, of its values and the tag that it has without one. */}}
{{- define "cluster.image" -}}
{{- with .image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.tag .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The spec of the fleet, with its tag and the Redis that comes along. Without a tag another operator would roll it. */}}
{{- define "cluster.spec" -}}
{{- $spec := deepCopy .Values.spec -}}
{{- $image := default (dict) $spec.image -}}
{{- if not (or $image.tag $image.digest) -}}
{{- $_ := set $spec "image" (merge (dict "tag" .Chart.AppVersion) $image) -}}
{{- end -}}
{{- if .Values.devRedis.enabled -}}
{{- $redis := default (dict) $spec.redis -}}
{{- if $redis.url -}}
{{- fail "devRedis.enabled: spec.redis.url names another Redis: only one of them can be used" -}}
{{- end -}}
{{- $url := printf "redis://%s-redis.%s:6379" (include "cluster.name" .) (include "cluster.namespace" .) -}}
{{- $redis := mergeOverwrite (dict "mode" "streams") $redis (dict "url" (dict "value" $url)) -}}
{{- $_ := set $spec "redis" $redis -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end }}

{{/* The Secret of the key that a test calls the API with, as JSON: the one that is named, or that of the first key which may emit. */}}
{{- define "cluster.testKey" -}}
{{- $key := .Values.test.apiKey -}}
{{- if not $key.name -}}
{{- range .Values.spec.apiKeys -}}
{{- $reference := default (dict) (default (dict) .secret).secretKeyRef -}}
{{- if and (not $key.name) $reference.name (has "emit" (default (list) .can)) -}}
{{- $key = $reference -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $key -}}
{{- end }}

{{/* The metadata of a part of the hook: what is left of an earlier one goes first, and what has succeeded goes at once. */}}
{{- define "cluster.hook" -}}
{{- $hook := dict "helm.sh/hook" "post-install,post-upgrade,post-rollback" "helm.sh/hook-weight" (toString .weight) "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- include "cluster.metadata" (dict "context" .context "name" (printf "%s-wait" (include "cluster.name" .context)) "annotations" $hook) -}}
{{- end }}
