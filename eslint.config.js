// @ts-check
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".venv/", ".cache/", "runs/", "tests/output/", "bibier/ui/static/vendor/"] },
  js.configs.recommended,
  {
    files: ["bibier/**/*.js"],
    languageOptions: { sourceType: "script", globals: { ...globals.browser, bibier: "readonly" } },
  },
  {
    rules: {
      eqeqeq: "error",
      "prefer-const": "error",
      "no-var": "error",
      "no-shadow": "error",
      "object-shorthand": "error",
      "prefer-template": "error",
      "no-implicit-globals": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      camelcase: "error",
      "max-len": ["error", { code: 120 }],
      "max-lines": ["error", { max: 400 }],
    },
  },
];
