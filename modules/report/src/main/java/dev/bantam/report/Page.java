package dev.bantam.report;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.report.RunFolder.Cell;
import dev.bantam.tensor.Hashes;
import freemarker.core.HTMLOutputFormat;
import freemarker.template.TemplateModelException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The report as a page: one set of values, filled into an HTML and a Markdown template. */
final class Page {
  private final Report report;
  private final List<PageSection> sections;
  private final List<String> notes;

  Page(Report report, List<PageSection> sections, List<String> notes) {
    this.report = report;
    this.sections = sections;
    this.notes = notes;
  }

  String html() {
    final Map<String, Object> values = values();
    // alone inside their elements, so that the hash that the page allows is that of these bytes
    final String script = Templates.resource("report.js");
    values.put("style", markup(Templates.resource("report.css")));
    values.put("script", markup(script));
    values.put(
        "scriptHash",
        Base64.getEncoder()
            .encodeToString(Hashes.sha256().digest(script.getBytes(StandardCharsets.UTF_8))));
    return Templates.html("report.html.ftl", values);
  }

  String markdown() {
    return Templates.markdown("report.md.ftl", values());
  }

  private Map<String, Object> values() {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("title", report.title());
    values.put("experiments", report.experiments());
    values.put("version", report.context().version());
    values.put("commit", report.context().commit().orElse(""));
    values.put("command", report.context().commandToReproduce());
    values.put("warnings", report.warnings());
    values.put("notes", notes);
    final List<Object> all = new ArrayList<>();
    for (PageSection section : sections) {
      all.add(section(section, all.size() + 1));
    }
    values.put("sections", all);
    values.put("failures", report.failed().stream().map(Page::failure).toList());
    values.put("runs", report.runs().stream().map(Page::run).toList());
    return values;
  }

  private static Map<String, Object> section(PageSection page, int number) {
    final Section section = page.section();
    final PageTable table = new PageTable(section);
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("id", "section-" + number);
    values.put("title", section.title());
    final Highlights highlights = new Highlights(section);
    values.put("sentences", highlights.sentences());
    values.put("findings", highlights.findings());
    values.put("columns", table.columns());
    values.put("rows", table.rows());
    values.put("charts", page.charts().stream().map(Page::chart).toList());
    final List<Object> treatments = new ArrayList<>();
    final List<Object> sources = new ArrayList<>();
    for (int i = 0; i < section.rows().size(); i++) {
      final String name = section.name(section.rows().get(i));
      final VariantGroup group = section.groups().get(i);
      PageTreatment.of(name, group).ifPresent(treatments::add);
      sources.add(source(name, group));
    }
    values.put("treatments", treatments);
    values.put("fits", PredictionFit.of(section).stream().map(PredictionFit::row).toList());
    values.put("sources", sources);
    return values;
  }

  private static Map<String, Object> chart(PageSection.Drawn drawn) {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("title", drawn.chart().title());
    values.put("alternative", drawn.chart().alternative());
    values.put("columns", drawn.chart().columns());
    values.put("rows", drawn.chart().table());
    values.put("svg", markup(drawn.svg()));
    values.put("image", drawn.image());
    return values;
  }

  /** Which cells a row comes from. */
  private static Map<String, Object> source(String name, VariantGroup group) {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("name", name);
    values.put("cells", group.cells().stream().map(Page::cell).toList());
    return values;
  }

  private static Map<String, Object> cell(Cell cell) {
    final CellId id = cell.record().cell();
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("folder", cell.folder());
    values.put("seed", id.seed());
    values.put("draw", id.draw());
    values.put("key", cell.record().key().substring(0, 12));
    return values;
  }

  private static Map<String, Object> failure(Cell cell) {
    final CellId id = cell.record().cell();
    final Map<String, Object> values = cell(cell);
    values.put("model", id.model());
    values.put("task", id.task());
    values.put("variant", id.variant());
    values.put("error", cell.record().error().orElseThrow());
    return values;
  }

  private static Map<String, Object> run(RunFolder run) {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("name", run.name());
    values.put("sha256", run.resolvedSha256());
    values.put("manifest", Json.text(run.manifest()));
    final List<List<String>> facts = new ArrayList<>();
    flatten("", run.manifest(), facts);
    values.put("facts", facts);
    return values;
  }

  /** Single values with their path; lists of them in one line, long ones by their length. */
  private static void flatten(String path, JsonNode node, List<List<String>> facts) {
    node.properties()
        .forEach(
            field -> {
              final String name = path.isEmpty() ? field.getKey() : path + "." + field.getKey();
              final JsonNode value = field.getValue();
              if (value.isObject()) {
                flatten(name, value, facts);
              } else if (value.isArray()) {
                facts.add(List.of(name, list(value)));
              } else {
                facts.add(List.of(name, value.asText()));
              }
            });
  }

  private static String list(JsonNode values) {
    final List<String> texts = new ArrayList<>();
    values.forEach(value -> texts.add(value.isValueNode() ? value.asText() : value.toString()));
    final String joined = String.join(", ", texts);
    return joined.length() <= 200 ? joined : values.size() + " entries, all in manifest.json";
  }

  private static Object markup(String html) {
    try {
      return HTMLOutputFormat.INSTANCE.fromMarkup(html);
    } catch (TemplateModelException e) {
      throw new IllegalStateException("HTML stays as it is", e);
    }
  }
}
