package dev.bantam.report;

import freemarker.core.HTMLOutputFormat;
import freemarker.core.OutputFormat;
import freemarker.core.TemplateClassResolver;
import freemarker.template.Configuration;
import freemarker.template.TemplateException;
import freemarker.template.TemplateExceptionHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;

/** The page templates of this module; every value is escaped for the page's format. */
final class Templates {
  private static final Configuration HTML = configuration(HTMLOutputFormat.INSTANCE);
  private static final Configuration MARKDOWN = configuration(MarkdownFormat.INSTANCE);

  private Templates() {}

  private static Configuration configuration(OutputFormat format) {
    final Configuration configuration = new Configuration(Configuration.VERSION_2_3_34);
    configuration.setClassForTemplateLoading(Templates.class, "");
    configuration.setDefaultEncoding(StandardCharsets.UTF_8.name());
    configuration.setOutputFormat(format);
    configuration.setRecognizeStandardFileExtensions(false);
    configuration.setAutoEscapingPolicy(Configuration.FORCE_AUTO_ESCAPING_POLICY);
    configuration.setLocale(Locale.ROOT);
    configuration.setNumberFormat("c");
    configuration.setBooleanFormat("c");
    configuration.setTemplateExceptionHandler(TemplateExceptionHandler.RETHROW_HANDLER);
    configuration.setLogTemplateExceptions(false);
    configuration.setNewBuiltinClassResolver(TemplateClassResolver.ALLOWS_NOTHING_RESOLVER);
    return configuration;
  }

  static String html(String template, Map<String, Object> values) {
    return fill(HTML, template, values);
  }

  static String markdown(String template, Map<String, Object> values) {
    return fill(MARKDOWN, template, values);
  }

  private static String fill(
      Configuration configuration, String template, Map<String, Object> values) {
    final StringWriter out = new StringWriter();
    try {
      configuration.getTemplate(template).process(values, out);
    } catch (IOException e) {
      throw new UncheckedIOException("The template " + template + " is part of this module", e);
    } catch (TemplateException e) {
      throw new IllegalStateException("The template " + template + " does not fit its values", e);
    }
    return out.toString();
  }

  /** A text file beside the templates. */
  static String resource(String name) {
    try (InputStream in = Templates.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("The file " + name + " is part of this module", e);
    }
  }
}
