package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportsTest {
  @TempDir Path folder;

  private RunFolder quickstart() throws Exception {
    return RunFolder.read(Samples.quickstart(folder.resolve("run")));
  }

  /** Without pictures, which take most of the time. */
  private Path write(String name, RunFolder run) {
    final Path target = folder.resolve(name);
    Reports.write(Report.of(List.of(run), Samples.context()), target, Optional.of("not wanted"));
    return target;
  }

  private Path writeAll(String name, RunFolder run) {
    final Path target = folder.resolve(name);
    Reports.write(List.of(run), target, Samples.context());
    return target;
  }

  @Test
  void allFilesAreThereAndWhole() throws Exception {
    final Path target = folder.resolve("out");
    final Report.Written written = Reports.write(List.of(quickstart()), target, Samples.context());
    assertEquals(8, written.rows().size());
    int charts = 0;
    for (String file : written.files()) {
      final byte[] bytes = Files.readAllBytes(target.resolve(file));
      assertTrue(bytes.length > 0, file);
      if (file.endsWith(".svg")) {
        charts++;
        final var svg =
            DocumentBuilderFactory.newDefaultNSInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(bytes));
        assertEquals("svg", svg.getDocumentElement().getLocalName());
        assertEquals("http://www.w3.org/2000/svg", svg.getDocumentElement().getNamespaceURI());
        assertFalse(svg.getDocumentElement().getAttribute("aria-label").isEmpty());
      } else if (file.endsWith(".png")) {
        assertEquals(1600, ImageIO.read(new ByteArrayInputStream(bytes)).getWidth());
      }
    }
    assertEquals(5, charts);
    for (String file : List.of("results.csv", "summary.csv", "report.md", "report.html")) {
      assertTrue(written.files().contains(file), file);
    }
    try (var all = Files.walk(target)) {
      assertEquals(
          written.files().size(), all.filter(Files::isRegularFile).count(), "nothing besides");
    }
    // 8 variants x 3 seeds x 4 metrics
    assertEquals(1 + 8 * 3 * 4, Files.readAllLines(target.resolve("results.csv")).size());
  }

  @Test
  void sameRunSameBytes() throws Exception {
    final Path one = writeAll("one", quickstart());
    final Path two = writeAll("two", RunFolder.read(folder.resolve("run")));
    int compared = 0;
    try (var files = Files.walk(one)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        final Path other = two.resolve(one.relativize(file).toString());
        assertEquals(-1, Files.mismatch(file, other), file.toString());
        compared++;
      }
    }
    assertTrue(compared >= 8, "files: " + compared);
  }

  @Test
  void chartsOfEarlierReportsGoAndOtherFilesStay() throws Exception {
    final RunFolder run = quickstart();
    final Path target = write("out", run);
    Files.writeString(target.resolve("charts/old.svg"), "x");
    Files.writeString(target.resolve("charts/old.png.tmp"), "x");
    Files.writeString(target.resolve("charts/mine.txt"), "x");
    Files.writeString(target.resolve("other.svg"), "x");
    Files.writeString(target.resolve("summary.csv"), "x");
    write("out", run);
    assertFalse(Files.exists(target.resolve("charts/old.svg")));
    assertFalse(Files.exists(target.resolve("charts/old.png.tmp")));
    assertTrue(Files.exists(target.resolve("charts/mine.txt")));
    assertTrue(Files.exists(target.resolve("other.svg")));
    assertTrue(Files.size(target.resolve("summary.csv")) > 100);
    assertTrue(Files.exists(target.resolve("charts/bytes.svg")));
  }

  @Test
  void hostileTextIsShownAndNeverRun() throws Exception {
    final String evil = "<script>alert(1)</script>\"'&";
    final CellId dense = new CellId(evil, evil, evil, "dense", 1, 1, "dev");
    final CellId bad = new CellId(evil, evil, evil, evil, 1, 1, "dev");
    final CellId worse = new CellId(evil, evil, evil, "worse", 1, 1, "dev");
    final List<CellRecord> records =
        List.of(
            Samples.ok(dense, 0.8, 1000),
            Samples.ok(bad, 0.4, 900),
            Samples.failed(worse, "\"><img src=x onerror=alert(2)>\n| [a](javascript:b) `c`"));
    final Path run = folder.resolve("run");
    Files.createDirectories(run.resolve("cells"));
    final var manifest = Json.object().put("note", evil);
    Json.write(run.resolve("manifest.json"), manifest);
    Files.writeString(run.resolve("experiment.resolved.yaml"), "");
    for (int i = 0; i < records.size(); i++) {
      final Path cell = Files.createDirectories(run.resolve("cells/c" + i));
      records.get(i).write(cell.resolve("result.json"));
    }
    final Path target = folder.resolve("out");
    Reports.write(List.of(RunFolder.read(run)), target, new ReportContext(evil, evil, evil));
    final String html = Files.readString(target.resolve("report.html"));
    assertFalse(html.contains("<script>alert"), "script");
    assertFalse(html.contains("<img"), "image");
    assertTrue(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assertTrue(html.contains("&lt;img src=x onerror"));
    final String markdown = Files.readString(target.resolve("report.md"));
    assertFalse(markdown.contains("<script>") || markdown.contains("<img"), "markdown");
    assertFalse(markdown.contains("[a](javascript"), "link");
    assertTrue(markdown.contains("<br>\\| \\[a\\](javascript:b) \\`c\\`"), "error in one row");
    for (Path file : List.of(target.resolve("charts/score-by-size.svg"))) {
      assertFalse(Files.readString(file).contains("<script"), "svg");
    }
  }

  @Test
  void thePageAllowsItsOwnScriptOnlyAndLoadsNothing() throws Exception {
    final String html = Files.readString(write("out", quickstart()).resolve("report.html"));
    final String script = html.substring(html.indexOf("<script>") + 8, html.indexOf("</script>"));
    final String hash =
        Base64.getEncoder()
            .encodeToString(
                MessageDigest.getInstance("SHA-256")
                    .digest(script.getBytes(StandardCharsets.UTF_8)));
    assertTrue(
        html.replace("&#x2F;", "/").contains("script-src 'sha256-" + hash + "'"), "hash " + hash);
    assertEquals(1, html.split("<script").length - 1);
    assertFalse(html.matches("(?s).*(src|href)=[\"'](?!#).*"), "no file besides");
    assertTrue(html.contains("prefers-color-scheme: dark"));
    assertTrue(html.contains("name=\"viewport\""));
    // every chart has words and a table
    assertEquals(5, html.split("<figure>").length - 1);
    assertEquals(5, html.split("Numbers of this chart").length - 1);
    assertEquals(5, html.split("role=\"img\"").length - 1);
    assertTrue(html.split("<th scope=\"col\"[^>]*><button").length - 1 >= 10);
  }

  @Test
  void theUnknownIsNeverZero() throws Exception {
    final List<CellRecord> records =
        List.of(Samples.ok("dense", 1, 0.8), Samples.failed(Samples.id("bad", 1), "no memory"));
    final RunFolder run = RunFolder.read(Samples.write(folder.resolve("run"), records));
    final Path target = write("out", run);
    final String markdown = Files.readString(target.resolve("report.md"));
    final List<String> rows =
        markdown.lines().filter(l -> l.startsWith("| bad |") || l.startsWith("| dense |")).toList();
    assertEquals(
        "| dense | 1 (single) | 0 | 0.8000 | n = 1 | 1.0000 | - | 0.0010 | 4.00 | 2.00 | 8.00 | 4.00"
            + " | - | not measured | ",
        rows.get(0));
    assertEquals(
        "| bad | 0 | 1 | unknown | unknown | unknown | unknown | unknown | unknown | unknown |"
            + " unknown | unknown | not measured | not measured | ",
        rows.get(1));
    assertTrue(markdown.contains("## Failed cells") && markdown.contains("| no memory |"));
    assertTrue(Files.readString(target.resolve("report.html")).contains("1 (single)"));
  }

  @Test
  void theSummaryInWordsIsComputed() throws Exception {
    final List<CellRecord> records =
        List.of(
            Samples.ok(Samples.id("dense", 1), 0.8, 4000),
            Samples.ok(Samples.id("dense-start", 1), 0.799, 400), // trained in another way
            Samples.ok(Samples.id("good", 1), 0.796, 2000), // 99.5 %
            Samples.ok(Samples.id("fair", 1), 0.768, 1000), // 96 %
            Samples.ok(Samples.id("poor", 1), 0.2, 500));
    final RunFolder run = RunFolder.read(Samples.write(folder.resolve("run"), records));
    final Highlights highlights = new Highlights(Section.of(Summary.of(run.cells())).get(0));
    final String words = String.join("\n", highlights.findings());
    assertTrue(words.contains("at least 99 % of it is good: accuracy 0.7960"), words);
    assertTrue(words.contains("at least 95 % of it is fair"), words);
    assertTrue(words.contains("it keeps 96.0 %"), words);
    assertTrue(words.contains("The smallest of all is poor"), words);
    assertTrue(words.contains("n = 1"), words);
    assertTrue(highlights.sentences().get(0).contains("3 compressed versions"), "dense is none");
  }

  @Test
  void smokeAndUnfinishedRunsSaySo() throws Exception {
    final List<CellRecord> records = List.of(Samples.ok("dense", 1, 0.8));
    final var manifest = Samples.manifest(records).put("smoke", true);
    manifest.withArray("cells").add("later");
    Samples.write(folder.resolve("run"), records, Map.of(), manifest);
    final String html =
        Files.readString(
            write("out", RunFolder.read(folder.resolve("run"))).resolve("report.html"));
    assertTrue(html.contains("Its numbers mean nothing"));
    assertTrue(html.contains("missing: later"));
  }

  @Test
  void withoutFontsThereAreNoPicturesAndTheReportSaysWhy() throws Exception {
    final Report report = Report.of(List.of(quickstart()), Samples.context());
    final Path target = folder.resolve("out");
    final Report.Written written = Reports.write(report, target, Optional.of("no fontconfig"));
    assertTrue(written.files().stream().noneMatch(file -> file.endsWith(".png")));
    assertTrue(written.notes().stream().anyMatch(note -> note.contains("no fontconfig")));
    final String markdown = Files.readString(target.resolve("report.md"));
    assertTrue(markdown.contains("](charts/score-by-size.svg)"));
    assertTrue(markdown.contains("no fontconfig"));
  }

  @Test
  void aJavaInstallationWithoutFontsDrawsTheSameSvg() throws Exception {
    final Path run = Samples.quickstart(folder.resolve("run"));
    final Path config = folder.resolve("fonts.conf");
    Files.writeString(config, "<?xml version=\"1.0\"?><fontconfig></fontconfig>");
    final Path expected = write("expected", RunFolder.read(run));
    final Path target = folder.resolve("out");
    final ProcessBuilder child =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            // where it would keep what an earlier process found
            "-Duser.home=" + Files.createDirectories(folder.resolve("home")),
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            ReportMain.class.getName(),
            run.toString(),
            target.toString());
    child.environment().put("FONTCONFIG_FILE", config.toString());
    child.environment().put("FONTCONFIG_PATH", folder.toString());
    child.redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile());
    assertEquals(0, child.start().waitFor(), () -> log(folder.resolve("log")));
    for (String chart :
        List.of(
            "score-by-size", "score-by-sparsity", "score-by-bits", "bytes", "sparsity-by-layer")) {
      assertEquals(
          -1,
          Files.mismatch(
              expected.resolve("charts/" + chart + ".svg"),
              target.resolve("charts/" + chart + ".svg")),
          chart);
    }
    // an installation that brings fonts of its own may still have drawn pictures
    final boolean pictures = Files.exists(target.resolve("charts/bytes.png"));
    final boolean note =
        Files.readString(target.resolve("report.md")).contains("There are no PNG charts");
    assertEquals(!pictures, note);
  }

  private static String log(Path file) {
    try {
      return Files.readString(file);
    } catch (java.io.IOException e) {
      return e.toString();
    }
  }
}
