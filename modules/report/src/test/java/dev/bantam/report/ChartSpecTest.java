package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChartSpecTest {
  @TempDir Path folder;

  private static ScorePoint point(String name, double x, double score) {
    return new ScorePoint(name, Family.of(name), name.equals("dense"), x, score, 0);
  }

  private static List<String> names(List<ScorePoint> points) {
    return points.stream().map(ScorePoint::name).toList();
  }

  @Test
  void theFrontByHand() {
    final List<ScorePoint> points =
        List.of(
            point("dense", 90, 0.84),
            point("worse-larger", 95, 0.80),
            point("small", 50, 0.30),
            point("middle", 60, 0.80),
            point("same-size-worse", 60, 0.79),
            point("larger-equal", 70, 0.80));
    assertEquals(List.of("small", "middle", "dense"), names(ScorePoint.front(points, true)));
    assertEquals(List.of("small"), names(ScorePoint.front(points, false)));
  }

  @ParameterizedTest
  @CsvSource({
    "dense, dense, ''",
    "magnitude-layer-0.8, magnitude-layer, 0.8",
    "obert-.5, obert, .5",
    "rtn-int4, rtn, int4",
    "sparsegpt-2of4, sparsegpt, 2of4",
    "bibert-1-1-1, bibert, 1-1-1",
    "mp-2-3-hessian, mp-2-3-hessian, ''",
    "mp-2-3-random-1, mp-2-3-random, 1",
    "os-plus-w6a6-dynamic, os-plus-dynamic, w6a6",
    "0.8, 0.8, ''",
  })
  void namesFallIntoMethodAndLevel(String variant, String name, String level) {
    assertEquals(new Family(name, level), Family.of(variant));
  }

  private List<ChartSpec> charts() throws Exception {
    final RunFolder run = RunFolder.read(Samples.quickstart(folder));
    return Section.of(Summary.of(run.cells())).get(0).charts();
  }

  @Test
  void onlyVariantsWithTheAxisAreShown() throws Exception {
    final List<ChartSpec> charts = charts();
    assertEquals(
        List.of(
            "score-by-size", "score-by-sparsity", "score-by-bits", "bytes", "sparsity-by-layer"),
        charts.stream().map(ChartSpec::name).toList());
    final List<List<String>> variants = new ArrayList<>();
    for (ChartSpec chart : charts) {
      variants.add(chart.table().stream().map(row -> row.get(0)).toList());
    }
    assertEquals(8, variants.get(0).size());
    assertEquals(
        List.of("magnitude-0.6", "magnitude-0.7", "magnitude-0.8", "magnitude-layer-0.8"),
        variants.get(1));
    assertEquals(List.of("rtn-int8", "rtn-int4", "rtn-int2"), variants.get(2));
    assertEquals(variants.get(0), variants.get(3));
  }

  @Test
  void everyTableFitsItsColumnsAndEveryChartHasWords() throws Exception {
    for (ChartSpec chart : charts()) {
      assertFalse(chart.table().isEmpty());
      for (List<String> row : chart.table()) {
        assertEquals(chart.columns().size(), row.size(), chart.name());
        assertTrue(chart.alternative().contains(row.get(0)) || chart.name().endsWith("size"));
      }
    }
  }

  @Test
  void segmentsAddUpToTheFile() throws Exception {
    final RunFolder run = RunFolder.read(Samples.quickstart(folder));
    final Summary summary = Summary.of(run.cells());
    for (int i = 0; i < summary.rows().size(); i++) {
      final BytesChart.Bar bar = BytesChart.Bar.of("x", summary.groups().get(i));
      assertEquals(summary.rows().get(i).bytes().getAsLong(), bar.total(), 0.5);
    }
    assertEquals(
        BytesChart.Segment.SCALES,
        BytesChart.Segment.of(new SizePart("encoder", "zero-points", 1)));
    assertEquals(
        BytesChart.Segment.POSITIONS, BytesChart.Segment.of(new SizePart("encoder", "masks", 1)));
    assertEquals(
        BytesChart.Segment.EMBEDDINGS,
        BytesChart.Segment.of(new SizePart("embeddings", "scales", 1)));
    assertEquals(BytesChart.Segment.REST, BytesChart.Segment.of(new SizePart("head", "values", 1)));
    assertEquals(
        BytesChart.Segment.HEADER, BytesChart.Segment.of(new SizePart("file", "header", 1)));
  }

  @Test
  void markAndColourTogetherAreUnique() {
    final Set<String> seen = new HashSet<>();
    for (int i = 0; i < 56; i++) {
      final var bounds = Palette.shape(i).getBounds2D();
      final String shape =
          bounds + " " + Palette.shape(i).contains(0, 3.5) + Palette.shape(i).contains(3.5, 3.5);
      assertTrue(seen.add(shape + Palette.color(i)), "series " + i + " " + shape);
    }
  }

  @Test
  void oneVariantAloneCanBeDrawn() throws Exception {
    final ScorePoint dense = point("dense", 90, 0.8);
    for (ScoreChart.Axis axis : ScoreChart.Axis.values()) {
      final ScoreChart chart =
          new ScoreChart(axis, "loss", "", List.of(dense), Optional.of(dense), List.of());
      assertTrue(ChartRenderer.svg(chart, "a", "t").startsWith("<svg"));
    }
  }

  @Test
  void drawingsInOnePageShareNoIds() throws Exception {
    final ChartSpec chart = charts().get(0);
    final String one = ChartRenderer.svg(chart, "one", "t");
    final String two = ChartRenderer.svg(chart, "two", "t");
    final Set<String> ids = ids(one);
    assertFalse(ids.isEmpty());
    assertTrue(ids(two).stream().noneMatch(ids::contains));
    assertNotEquals(one, two);
    assertEquals(one, ChartRenderer.svg(chart, "one", "t"));
  }

  private static Set<String> ids(String svg) {
    final Set<String> ids = new HashSet<>();
    final var matcher = java.util.regex.Pattern.compile(" id=\"([^\"]+)\"").matcher(svg);
    while (matcher.find()) {
      ids.add(matcher.group(1));
    }
    return ids;
  }

  @Test
  void numbersOnAxesDoNotFollowTheLocale() throws Exception {
    assertEquals("de", java.util.Locale.getDefault().getLanguage(), "the build sets it");
    for (ChartSpec chart : charts()) {
      final String svg = ChartRenderer.svg(chart, "x", "t");
      assertFalse(svg.matches("(?s).*>\\s*\\d+,\\d+\\s*<.*"), chart.name());
    }
  }

  @Test
  void picturesHaveTwiceTheSizeAndAreNotEmpty() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(ChartFonts.pictureProblem().isEmpty());
    for (ChartSpec chart : charts()) {
      final var image = ImageIO.read(new ByteArrayInputStream(ChartRenderer.png(chart)));
      assertEquals(2 * chart.width(), image.getWidth());
      assertEquals(2 * chart.height(), image.getHeight());
      final Set<Integer> colors = new HashSet<>();
      for (int y = 0; y < image.getHeight(); y += 3) {
        for (int x = 0; x < image.getWidth(); x += 3) {
          colors.add(image.getRGB(x, y) & 0xffffff);
        }
      }
      assertTrue(colors.contains(0xffffff) && colors.size() > 20, chart.name());
    }
  }
}
