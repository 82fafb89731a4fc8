path "secret/*" {
  policy = "readonly"
}
