package dev.bantam.report;

import freemarker.core.CommonMarkupOutputFormat;
import freemarker.core.CommonTemplateMarkupOutputModel;
import java.io.IOException;
import java.io.Writer;

/** Escapes every value of a template for GitHub's Markdown, inside tables too. */
final class MarkdownFormat extends CommonMarkupOutputFormat<MarkdownFormat.Markdown> {
  static final MarkdownFormat INSTANCE = new MarkdownFormat();

  private static final String SPECIAL = "\\`*_[]#|~$";

  /** Text that is Markdown already. */
  static final class Markdown extends CommonTemplateMarkupOutputModel<Markdown> {
    Markdown(String plain, String markup) {
      super(plain, markup);
    }

    @Override
    public MarkdownFormat getOutputFormat() {
      return INSTANCE;
    }
  }

  private MarkdownFormat() {}

  @Override
  public String getName() {
    return "Markdown";
  }

  @Override
  public String getMimeType() {
    return "text/markdown";
  }

  @Override
  public void output(String text, Writer out) throws IOException {
    out.write(escapePlainText(text));
  }

  @Override
  public String escapePlainText(String text) {
    final StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      final char c = text.charAt(i);
      if (c == '&') {
        out.append("&amp;");
      } else if (c == '<') {
        out.append("&lt;");
      } else if (c == '>') {
        out.append("&gt;");
      } else if (c == '\n') {
        out.append("<br>");
      } else if (SPECIAL.indexOf(c) >= 0) {
        out.append('\\').append(c);
      } else if (c != '\r') {
        out.append(c);
      }
    }
    return out.toString();
  }

  @Override
  public boolean isLegacyBuiltInBypassed(String builtIn) {
    return false;
  }

  @Override
  protected Markdown newTemplateMarkupOutputModel(String plain, String markup) {
    return new Markdown(plain, markup);
  }
}
