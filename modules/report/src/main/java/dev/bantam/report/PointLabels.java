package dev.bantam.report;

import java.awt.BasicStroke;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;
import org.jfree.chart.annotations.AbstractXYAnnotation;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.PlotRenderingInfo;
import org.jfree.chart.plot.XYPlot;

/**
 * Labels beside the points of a plot that cover neither points, error bars nor each other: each
 * goes to the best of the places around its point, those nearest first; one that had to go far has
 * a thin line to its point.
 */
final class PointLabels extends AbstractXYAnnotation {
  private static final long serialVersionUID = 1L;

  /**
   * A labelled point, in data coordinates.
   *
   * @param low lower end of its error bar; {@code y} if it has none
   * @param high upper end of its error bar; {@code y} if it has none
   */
  record Point(double x, double y, double low, double high, String text) {}

  private static final double MARK = 7;
  private static final double[] DISTANCES = {3, 10, 18, 28, 40, 54, 70};
  private static final double[][] DIRECTIONS = {
    {1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {-1, -1}, {1, 1}, {-1, 1}
  };
  private static final double LEADER = 10;

  private final transient List<Point> points;
  private final transient List<Line2D> lines;
  private final Font font;

  /**
   * @param points in the order in which they choose their places
   * @param lines drawn lines that labels had better not cross, in data coordinates
   */
  PointLabels(List<Point> points, List<Line2D> lines, Font font) {
    this.points = List.copyOf(points);
    this.lines = List.copyOf(lines);
    this.font = font;
  }

  /** Where a label may stand, and what it costs. */
  private record Place(Rectangle2D box, double distance, double cost) {}

  /** A point in pixels. */
  private record Spot(double x, double y, double top, double bottom) {
    double overlap(Rectangle2D box) {
      return area(box, new Rectangle2D.Double(x - MARK, y - MARK, 2 * MARK, 2 * MARK)) * 3
          + area(box, new Rectangle2D.Double(x - 3, top - 1, 6, bottom - top + 2)) * 3;
    }
  }

  @Override
  public void draw(
      Graphics2D g2,
      XYPlot plot,
      Rectangle2D area,
      ValueAxis domain,
      ValueAxis range,
      int rendererIndex,
      PlotRenderingInfo info) {
    g2.setFont(font);
    final FontMetrics metrics = g2.getFontMetrics(font);
    final Scale scale = new Scale(plot, area, domain, range);
    final List<Spot> spots = points.stream().map(scale::spot).toList();
    final List<Line2D> drawn = lines.stream().map(scale::line).toList();
    final List<Rectangle2D> taken = new ArrayList<>();
    final List<Place> places = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      if (points.get(i).text().isEmpty()) {
        places.add(null);
        continue;
      }
      final Place place =
          best(spots.get(i), metrics, points.get(i).text(), area, spots, drawn, taken);
      places.add(place);
      taken.add(place.box());
    }
    for (int i = 0; i < points.size(); i++) {
      if (places.get(i) == null) {
        continue;
      }
      write(g2, metrics, points.get(i), spots.get(i), places.get(i));
    }
  }

  private record Scale(XYPlot plot, Rectangle2D area, ValueAxis domain, ValueAxis range) {
    double x(double value) {
      return domain.valueToJava2D(value, area, plot.getDomainAxisEdge());
    }

    double y(double value) {
      return range.valueToJava2D(value, area, plot.getRangeAxisEdge());
    }

    Spot spot(Point point) {
      return new Spot(x(point.x()), y(point.y()), y(point.high()), y(point.low()));
    }

    Line2D line(Line2D data) {
      return new Line2D.Double(x(data.getX1()), y(data.getY1()), x(data.getX2()), y(data.getY2()));
    }
  }

  private static Place best(
      Spot spot,
      FontMetrics metrics,
      String text,
      Rectangle2D area,
      List<Spot> spots,
      List<Line2D> drawn,
      List<Rectangle2D> taken) {
    final double width = metrics.stringWidth(text);
    final double height = metrics.getAscent();
    Place best = null;
    for (double distance : DISTANCES) {
      for (double[] direction : DIRECTIONS) {
        final double reach = MARK + distance;
        final double cx = spot.x + direction[0] * (reach + width / 2);
        final double up = direction[0] == 0 ? Math.max(0, spot.y - spot.top - MARK) : 0;
        final double down = direction[0] == 0 ? Math.max(0, spot.bottom - spot.y - MARK) : 0;
        final double bar = direction[1] < 0 ? up : down;
        final double cy = spot.y + direction[1] * (reach + bar + height / 2);
        final Rectangle2D box =
            new Rectangle2D.Double(cx - width / 2 - 1, cy - height / 2, width + 2, height);
        double cost = distance * 2 + (direction[0] != 0 && direction[1] != 0 ? 4 : 0);
        if (!area.contains(box)) {
          cost += 1e6;
        }
        for (Spot other : spots) {
          cost += other.overlap(box);
        }
        for (Rectangle2D other : taken) {
          cost += area(box, grown(other)) * 10;
        }
        for (Line2D line : drawn) {
          cost += line.intersects(box) ? 25 : 0;
        }
        if (best == null || cost < best.cost()) {
          best = new Place(box, distance, cost);
        }
      }
    }
    return best;
  }

  private static Rectangle2D grown(Rectangle2D box) {
    return new Rectangle2D.Double(
        box.getX() - 3, box.getY() - 2, box.getWidth() + 6, box.getHeight() + 4);
  }

  private static double area(Rectangle2D a, Rectangle2D b) {
    final Rectangle2D both = a.createIntersection(b);
    return both.isEmpty() ? 0 : both.getWidth() * both.getHeight();
  }

  private void write(Graphics2D g2, FontMetrics metrics, Point point, Spot spot, Place place) {
    final Rectangle2D box = place.box();
    if (place.distance() >= LEADER) {
      final double x = Math.max(box.getMinX(), Math.min(spot.x, box.getMaxX()));
      final double y = Math.max(box.getMinY(), Math.min(spot.y, box.getMaxY()));
      g2.setStroke(new BasicStroke(0.8f));
      g2.setPaint(Palette.GREY);
      final double length = Math.hypot(x - spot.x, y - spot.y);
      final double dx = (x - spot.x) / length * MARK;
      final double dy = (y - spot.y) / length * MARK;
      g2.draw(new Line2D.Double(spot.x + dx, spot.y + dy, x, y));
    }
    g2.setPaint(Palette.INK);
    g2.drawString(
        point.text(),
        (float) (box.getX() + 1),
        (float) (box.getMaxY() - metrics.getAscent() * 0.12));
  }
}
