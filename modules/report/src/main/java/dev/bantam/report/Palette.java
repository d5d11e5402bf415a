package dev.bantam.report;

import java.awt.Color;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.List;

/**
 * Colours and marks. The colours are those of Okabe and Ito (2008), which readers with any kind of
 * colour blindness can tell apart, without the yellow that is too faint on white; shapes differ
 * too, so that a print in grey can be read.
 */
final class Palette {
  static final Color INK = new Color(0x1b, 0x1f, 0x24);
  static final Color SOFT_INK = new Color(0x57, 0x60, 0x6a);
  static final Color GRID = new Color(0xe3, 0xe6, 0xea);
  static final Color BLUE = new Color(0x00, 0x72, 0xb2);
  static final Color VERMILLION = new Color(0xd5, 0x5e, 0x00);
  static final Color GREEN = new Color(0x00, 0x9e, 0x73);
  static final Color PURPLE = new Color(0xcc, 0x79, 0xa7);
  static final Color ORANGE = new Color(0xe6, 0x9f, 0x00);
  static final Color SKY = new Color(0x56, 0xb4, 0xe9);
  static final Color GREY = new Color(0x8c, 0x95, 0x9f);

  private static final List<Color> SERIES =
      List.of(BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, SOFT_INK);

  private Palette() {}

  /** Colour of the method at that place of the legend. */
  static Color color(int index) {
    return SERIES.get(index % SERIES.size());
  }

  /** Mark of the method at that place; with the colours 56 different ones. */
  static Shape shape(int index) {
    return switch (index % 8) {
      case 0 -> new Ellipse2D.Double(-5, -5, 10, 10);
      case 1 -> new Rectangle2D.Double(-4.5, -4.5, 9, 9);
      case 2 -> polygon(0, -6, 6, 5, -6, 5);
      case 3 -> polygon(0, -6.5, 6.5, 0, 0, 6.5, -6.5, 0);
      case 4 -> polygon(0, 6, 6, -5, -6, -5);
      case 5 -> cross(0);
      case 6 -> polygon(-3, -5.5, 3, -5.5, 6, 0, 3, 5.5, -3, 5.5, -6, 0);
      default -> cross(Math.PI / 4);
    };
  }

  /** For the legend of bars. */
  static Shape swatch() {
    return new Rectangle2D.Double(-6, -6, 12, 12);
  }

  /** A star with five points. */
  static Shape star() {
    final Path2D path = new Path2D.Double();
    for (int i = 0; i < 10; i++) {
      final double radius = i % 2 == 0 ? 7.5 : 3.2;
      final double angle = Math.PI * i / 5 - Math.PI / 2;
      final double x = radius * Math.cos(angle);
      final double y = radius * Math.sin(angle);
      if (i == 0) {
        path.moveTo(x, y);
      } else {
        path.lineTo(x, y);
      }
    }
    path.closePath();
    return path;
  }

  private static Shape cross(double angle) {
    return AffineTransform.getRotateInstance(angle)
        .createTransformedShape(
            polygon(
                -2, -6, 2, -6, 2, -2, 6, -2, 6, 2, 2, 2, 2, 6, -2, 6, -2, 2, -6, 2, -6, -2, -2,
                -2));
  }

  private static Shape polygon(double... points) {
    final Path2D path = new Path2D.Double();
    path.moveTo(points[0], points[1]);
    for (int i = 2; i < points.length; i += 2) {
      path.lineTo(points[i], points[i + 1]);
    }
    path.closePath();
    return path;
  }
}
