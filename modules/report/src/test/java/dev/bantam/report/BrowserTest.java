package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser. Screenshots are left in {@code target/screenshots}. */
class BrowserTest {
  private static final Path SCREENSHOTS = Path.of("target", "screenshots");
  private static final String TABLE = ".scroll.wide table";

  @TempDir private static Path folder;

  private static Browser browser;
  private static Path page;

  @BeforeAll
  static void start() throws Exception {
    Assumptions.assumeTrue(
        Browser.program().isPresent(),
        "SKIPPED: no chromium on the PATH, so the report is not opened in a browser");
    Reports.write(
        List.of(RunFolder.read(Samples.quickstart(folder.resolve("run")))),
        folder.resolve("report"),
        Samples.context());
    page = folder.resolve("report/report.html");
    try {
      browser = new Browser(Browser.program().orElseThrow(), folder.resolve("profile"));
    } catch (IOException e) {
      Assumptions.abort("SKIPPED: the browser does not start here, so no report is opened: " + e);
    }
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void open() throws Exception {
    theme("light");
    browser.size(1200, 900);
    browser.open(page);
  }

  private static void theme(String scheme) throws Exception {
    browser.send(
        "Emulation.setEmulatedMedia",
        Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
  }

  private static List<String> texts(String selector) throws Exception {
    final List<String> texts = new ArrayList<>();
    for (JsonNode text :
        browser.value(
            "[...document.querySelectorAll('" + selector + "')].map(e => e.textContent.trim())")) {
      texts.add(text.asText());
    }
    return texts;
  }

  @Test
  void nothingIsFetchedAndNothingFails() throws Exception {
    final List<String> fetched =
        browser.events("Network.requestWillBeSent").stream()
            .map(e -> e.path("request").path("url").asText())
            .toList();
    assertEquals(List.of(page.toUri().toString()), fetched);
    for (String trouble :
        List.of("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")) {
      assertEquals(List.of(), browser.events(trouble), trouble);
    }
  }

  @Test
  void everyChartIsDrawn() throws Exception {
    final int charts = browser.value("document.querySelectorAll('figure').length").asInt();
    final JsonNode drawn =
        browser.value(
            "[...document.querySelectorAll('figure svg')].map(s => {const r ="
                + " s.getBoundingClientRect(); return [r.width, r.height,"
                + " [...s.querySelectorAll('path,line,rect,circle,polygon')].filter(e => {const b ="
                + " e.getBoundingClientRect(); return b.width + b.height > 0;}).length];})");
    assertTrue(charts > 3, "charts: " + charts);
    assertEquals(charts, drawn.size());
    for (JsonNode chart : drawn) {
      assertTrue(chart.get(0).asDouble() > 300 && chart.get(1).asDouble() > 150, drawn.toString());
      assertTrue(chart.get(2).asInt() > 10, drawn.toString());
    }
  }

  @Test
  void theTableIsSortedByMouse() throws Exception {
    final List<String> before = texts(TABLE + " tbody th");
    browser.click(TABLE + " thead button");
    final List<String> sorted = new ArrayList<>(before);
    Collections.sort(sorted);
    assertEquals(sorted, texts(TABLE + " tbody th"));
    assertEquals(
        "ascending",
        browser.value("document.querySelector('" + TABLE + " thead th').ariaSort").asText());
  }

  @Test
  void theTableIsSortedByKeyboard() throws Exception {
    final List<String> before = texts(TABLE + " tbody th");
    for (int tab = 0; tab < 20; tab++) { // through what comes before, to the first column's button
      browser.press("Tab", 9, "");
      if (browser
          .value("document.activeElement.matches('" + TABLE + " thead button')")
          .asBoolean()) {
        break;
      }
    }
    browser.press("Enter", 13, "\r");
    browser.press("Enter", 13, "\r");
    final List<String> sorted = new ArrayList<>(before);
    sorted.sort(Collections.reverseOrder());
    assertEquals(sorted, texts(TABLE + " tbody th"));
    assertNotEquals(
        "none",
        browser.value("getComputedStyle(document.activeElement).outlineStyle").asText(),
        "the focus is not to be seen");
  }

  @Test
  void aPhoneNeedsNoSidewaysScrolling() throws Exception {
    browser.size(390, 844);
    browser.open(page);
    assertTrue(browser.value("document.scrollingElement.scrollWidth <= 390").asBoolean());
    final JsonNode small =
        browser.value(
            "[...document.querySelectorAll('p, li, td, th, figcaption')].map(e =>"
                + " parseFloat(getComputedStyle(e).fontSize)).filter(s => s < 12)");
    assertEquals(0, small.size(), small.toString());
    browser.screenshot(SCREENSHOTS.resolve("phone.png"));
  }

  /** Contrast of text as WCAG 2 defines it: 4.5 is its level AA. */
  @Test
  void bothThemesAreReadable() throws Exception {
    for (String scheme : List.of("light", "dark")) {
      theme(scheme);
      browser.open(page);
      final JsonNode low =
          browser.value(
              """
              (() => {
                const rgb = c => c.match(/[\\d.]+/g).map(Number);
                const luminance = c => rgb(c).slice(0, 3).map(v => v / 255)
                    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                    .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
                const behind = e => {
                  for (; e; e = e.parentElement) {
                    const c = getComputedStyle(e).backgroundColor;
                    if ((rgb(c)[3] ?? 1) === 1) return c;
                  }
                  return 'rgb(255, 255, 255)';
                };
                return [...document.querySelectorAll('h1,h2,h3,p,li,td,th,button,summary,figcaption,dd')]
                    .filter(e => e.textContent.trim() && e.getClientRects().length)
                    .map(e => {
                      const a = luminance(getComputedStyle(e).color);
                      const b = luminance(behind(e));
                      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                      return ratio.toFixed(2) + ' ' + e.tagName + ' ' + e.textContent.slice(0, 30);
                    })
                    .filter(t => parseFloat(t) < 4.5);
              })()
              """);
      assertEquals(0, low.size(), scheme + ": " + low);
      final double background =
          browser
              .value(
                  "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)"
                      + ".slice(0, 3).reduce((s, v) => s + Number(v), 0)")
              .asDouble();
      assertTrue(scheme.equals("dark") ? background < 200 : background > 600, scheme + background);
      browser.screenshot(SCREENSHOTS.resolve(scheme + ".png"));
    }
  }
}
