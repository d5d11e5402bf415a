package dev.bantam.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.apache.batik.svggen.SVGGraphics2DIOException;
import org.apache.batik.svggen.SVGIDGenerator;
import org.jfree.chart.JFreeChart;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Charts as SVG text and as PNG bytes; the same chart gives the same SVG on every machine. */
final class ChartRenderer {
  /** Pixels of a picture for one unit of a chart. */
  static final int PICTURE_SCALE = 2;

  /** The faces that the table of widths fits first. */
  private static final String FAMILY = "font-family:Verdana,'DejaVu Sans',sans-serif";

  static {
    // before anything of AWT starts; an explicit choice of the user stays
    if (System.getProperty("java.awt.headless") == null) {
      System.setProperty("java.awt.headless", "true");
    }
  }

  private ChartRenderer() {}

  /**
   * The drawing as an {@code svg} element.
   *
   * @param name unique in the page; ids inside the drawing begin with it
   * @param title read out in place of the drawing
   */
  static String svg(ChartSpec chart, String name, String title) {
    final SVGGeneratorContext context = SVGGeneratorContext.createDefault(document());
    context.setComment(null);
    context.setIDGenerator(new PrefixedIds(name));
    context.setPrecision(2);
    // the default one would ask AWT for its family
    final SVGGeneratorContext.GraphicContextDefaults defaults =
        new SVGGeneratorContext.GraphicContextDefaults();
    defaults.setFont(ChartFonts.TABLE.plain(ChartStyle.TEXT));
    context.setGraphicContextDefaults(defaults);
    final TableGraphics graphics = new TableGraphics(context);
    chart
        .draw(ChartFonts.TABLE)
        .draw(graphics, new Rectangle2D.Double(0, 0, chart.width(), chart.height()));
    final Element root = graphics.getRoot();
    root.setAttributeNS(null, "viewBox", "0 0 " + chart.width() + " " + chart.height());
    root.setAttributeNS(null, "width", Integer.toString(chart.width()));
    root.setAttributeNS(null, "height", Integer.toString(chart.height()));
    root.setAttributeNS(null, "role", "img");
    root.setAttributeNS(null, "aria-label", title);
    final StringWriter out = new StringWriter();
    try {
      graphics.stream(root, out, true, false);
    } catch (SVGGraphics2DIOException e) {
      throw new UncheckedIOException("A StringWriter cannot fail", new IOException(e));
    }
    final String text =
        out.toString()
            .replace("\r\n", "\n")
            .replace("id=\"genericDefs\"", "id=\"" + name + "-defs\"")
            .replace("font-family:sans-serif", FAMILY);
    return text.substring(text.indexOf("<svg")).strip();
  }

  /** Twice the size of the chart, so that it is sharp on fine screens and in print. */
  static byte[] png(ChartSpec chart) {
    final BufferedImage image =
        new BufferedImage(
            chart.width() * PICTURE_SCALE,
            chart.height() * PICTURE_SCALE,
            BufferedImage.TYPE_INT_RGB);
    final Graphics2D graphics = image.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
    graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
    graphics.scale(PICTURE_SCALE, PICTURE_SCALE);
    final JFreeChart drawing = chart.draw(ChartFonts.PICTURE);
    drawing.draw(graphics, new Rectangle2D.Double(0, 0, chart.width(), chart.height()));
    graphics.dispose();
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      ImageIO.setUseCache(false);
      ImageIO.write(image, "png", out);
    } catch (IOException e) {
      throw new UncheckedIOException("Memory cannot fail", e);
    }
    return out.toByteArray();
  }

  private static Document document() {
    try {
      return DocumentBuilderFactory.newDefaultNSInstance()
          .newDocumentBuilder()
          .getDOMImplementation()
          .createDocument("http://www.w3.org/2000/svg", "svg", null);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException("Every Java platform has an XML parser", e);
    }
  }

  /** Ids that several drawings in one page do not share. */
  private static final class PrefixedIds extends SVGIDGenerator {
    private final String name;

    PrefixedIds(String name) {
      this.name = name;
    }

    @Override
    public String generateID(String prefix) {
      return name + "-" + super.generateID(prefix);
    }
  }

  /** Never asks AWT how large a text is. */
  private static final class TableGraphics extends SVGGraphics2D {
    TableGraphics(SVGGeneratorContext context) {
      super(context, false);
    }

    private TableGraphics(TableGraphics parent) {
      super(parent);
    }

    @Override
    public Graphics create() {
      return new TableGraphics(this);
    }

    @Override
    public FontMetrics getFontMetrics(Font font) {
      return font instanceof TableFont table ? table.metrics() : super.getFontMetrics(font);
    }
  }
}
