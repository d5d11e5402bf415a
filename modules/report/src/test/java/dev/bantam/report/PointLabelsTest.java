package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.geom.Rectangle2D;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

class PointLabelsTest {
  @TempDir Path folder;

  /** Twelve variants that crowd around the dense one. */
  @Test
  void noTwoTextsOverlap() throws Exception {
    final RunFolder run = RunFolder.read(Samples.crowded(folder));
    int texts = 0;
    for (ChartSpec chart : Section.of(Summary.of(run.cells())).get(0).charts()) {
      texts += checkedTexts(chart);
    }
    assertTrue(texts >= 60, "texts found: " + texts);
  }

  /** Six variants of one size and score: all want the same places. */
  @Test
  void labelsOfOnePointStandAroundIt() throws Exception {
    final List<ScorePoint> points = new ArrayList<>();
    for (String name : List.of("aa-0.1", "bb-0.2", "cc-0.3", "dd-0.4", "ee-0.5", "ff-0.6")) {
      points.add(new ScorePoint(name, Family.of(name), false, 60, 0.8, 0.01));
    }
    points.add(new ScorePoint("dense", Family.of("dense"), true, 90, 0.84, 0));
    final ScoreChart chart =
        new ScoreChart(
            ScoreChart.Axis.SIZE,
            "accuracy",
            "s",
            points,
            Optional.of(points.get(6)),
            ScorePoint.families(points));
    assertTrue(checkedTexts(chart) >= 7 + 7);
  }

  /** Fails if two texts touch or one is cut off; gives their number. */
  private static int checkedTexts(ChartSpec chart) throws Exception {
    final List<Rectangle2D> boxes = boxes(ChartRenderer.svg(chart, "x", "t"));
    for (int i = 0; i < boxes.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertFalse(
            boxes.get(i).intersects(boxes.get(j)),
            chart.name() + ": " + boxes.get(i) + " and " + boxes.get(j));
      }
      assertTrue(
          new Rectangle2D.Double(0, 0, 800, chart.height()).contains(boxes.get(i)),
          chart.name() + ": cut off");
    }
    return boxes.size();
  }

  private static List<Rectangle2D> boxes(String svg) throws Exception {
    final var nodes =
        DocumentBuilderFactory.newDefaultInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)))
            .getElementsByTagName("text");
    final List<Rectangle2D> boxes = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      final Element text = (Element) nodes.item(i);
      final String style = ((Element) text.getParentNode()).getAttribute("style");
      final int size =
          style.contains("font-size:")
              ? Integer.parseInt(style.replaceAll("(?s).*font-size:(\\d+)px.*", "$1"))
              : ChartStyle.TEXT; // inherited
      final double width =
          new TableFont(style.contains("bold") ? java.awt.Font.BOLD : 0, size)
              .getStringBounds(text.getTextContent().strip(), null)
              .getWidth();
      final double x = Double.parseDouble(text.getAttribute("x"));
      final double y = Double.parseDouble(text.getAttribute("y"));
      // letters without the air above and below them
      boxes.add(new Rectangle2D.Double(x, y - 0.75 * size, width, 0.75 * size));
    }
    return boxes;
  }
}
