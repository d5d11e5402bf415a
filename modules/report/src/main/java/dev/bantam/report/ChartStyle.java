package dev.bantam.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Stroke;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Locale;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.LegendItemSource;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.Plot;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.HorizontalAlignment;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;

/** What all charts have in common; font sizes for a chart 800 wide. */
final class ChartStyle {
  static final int WIDTH = 800;
  static final int TITLE = 18;
  static final int TEXT = 14;
  static final int SMALL = 13;

  private ChartStyle() {}

  static Stroke line(float width) {
    return new BasicStroke(width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND);
  }

  static Stroke dashed(float width, float dash, float gap) {
    return new BasicStroke(
        width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {dash, gap}, 0);
  }

  /**
   * @param vertical title of the vertical axis, set above it: easier to read than turned text, and
   *     JFreeChart measures turned text in a way that needs fonts; empty for none
   */
  static JFreeChart chart(
      String title,
      String subtitle,
      String vertical,
      Plot plot,
      LegendItemSource legend,
      ChartFonts fonts) {
    plot.setBackgroundPaint(Color.WHITE);
    plot.setOutlineVisible(false);
    plot.setInsets(new RectangleInsets(6, 0, 4, 6));
    final JFreeChart chart = new JFreeChart(null, fonts.bold(TITLE), plot, false);
    chart.setBackgroundPaint(Color.WHITE);
    chart.setPadding(new RectangleInsets(12, 14, 10, 14));
    chart.addSubtitle(text(title, fonts.bold(TITLE), Palette.INK, 2));
    chart.addSubtitle(text(subtitle, fonts.plain(SMALL), Palette.SOFT_INK, 8));
    if (!vertical.isEmpty()) {
      chart.addSubtitle(text(vertical, fonts.plain(TEXT), Palette.INK, 0));
    }
    final LegendTitle keys = new LegendTitle(legend);
    keys.setItemFont(fonts.plain(TEXT));
    keys.setItemPaint(Palette.INK);
    keys.setPosition(RectangleEdge.BOTTOM);
    keys.setFrame(BlockBorder.NONE);
    keys.setBackgroundPaint(Color.WHITE);
    keys.setItemLabelPadding(new RectangleInsets(2, 4, 2, 12));
    chart.addSubtitle(keys);
    return chart;
  }

  private static TextTitle text(String text, Font font, Color color, double below) {
    final TextTitle title = new TextTitle(text, font);
    title.setPaint(color);
    title.setHorizontalAlignment(HorizontalAlignment.LEFT);
    title.setTextAlignment(HorizontalAlignment.LEFT);
    title.setExpandToFitSpace(true);
    title.setPadding(0, 2, below, 0);
    return title;
  }

  static NumberAxis axis(String title, ChartFonts fonts) {
    final NumberAxis axis = new NumberAxis(title);
    axis.setLabelFont(fonts.plain(TEXT));
    axis.setLabelPaint(Palette.INK);
    axis.setTickLabelFont(fonts.plain(SMALL));
    axis.setTickLabelPaint(Palette.SOFT_INK);
    axis.setAxisLineVisible(false);
    axis.setTickMarksVisible(false);
    axis.setAutoRangeIncludesZero(false);
    axis.setLabelInsets(new RectangleInsets(4, 4, 4, 4));
    return axis;
  }

  /**
   * Shows a range with at most eight steps of 1, 2 or 5 times a power of ten.
   *
   * @param smallest no step is below
   */
  static void setRange(NumberAxis axis, double low, double high, double smallest) {
    axis.setRange(low, high);
    final double raw = Math.max((high - low) / 8, smallest);
    final int exponent = (int) Math.floor(Math.log10(raw) + 1e-9);
    final double power = Math.pow(10, exponent);
    double step = 10 * power;
    for (double factor : new double[] {5, 2, 1}) {
      if (factor * power >= raw * (1 - 1e-9)) {
        step = factor * power;
      }
    }
    final int decimals = Math.max(0, -(int) Math.floor(Math.log10(step) + 1e-9));
    final DecimalFormat format =
        new DecimalFormat("0", DecimalFormatSymbols.getInstance(Locale.ROOT));
    format.setMinimumFractionDigits(decimals);
    format.setMaximumFractionDigits(decimals);
    axis.setTickUnit(new NumberTickUnit(step, format));
  }
}
