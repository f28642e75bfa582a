"""Alt texts that say nothing about their picture: file names, counters, placeholders, shop and search-engine templates.

`PATTERNS` is the whole list, in English, Spanish, German, French and Chinese; a pattern is added here and nowhere else. They are
lower case and searched in the lower-cased text after its
spaces are joined. A pattern covers the part of the text that is template; the
measure is the share of letters and digits covered by all patterns together, so that a file name behind a real description, or
a shop's name after a product's, need not cost the description. Placeholders are boilerplate only as the whole text:
"picture" is one, "picture of a red fox" is not.
"""

import re

_FILE = r"(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|heic|svg|psd|raw|cr2|nef)"
_NUMBER = r"(?:no\.?|nr\.?|n[°º]|núm\.?|#)?\s?\d{1,5}"
_PICTURE = (
    r"(?:image|images|img|picture|pictures|pic|pics|photo|photos|photograph|foto|fotos|fotografía|imagen|imágenes|bild|bilder|grafik|"
    r"illustration|abbildung|figure|fig|figura|abb|slide|banner|thumbnail|thumb|screenshot|gallery|galería|galerie|diapositiva|"
    r"logo|icon|icono|icône|avatar|artwork|图片|圖片|图像|照片|插图|图|圖|截图|头像|缩略图)"
)

# name -> regular expression; the order matters only where two begin at the same place
PATTERNS: dict[str, str] = {
    # IMG_2034, DSC00012.JPG, P1010101, PXL_20230101_123456, WhatsApp Image 2023-..., Screenshot 2021-...
    "camera_file": (
        r"\b(?:img|imgp|dsc[fn]?|dscn?|dcim|pict|p10|pxl|mvi|gopr|dji|sam|cimg|hpim|kif|mg|vlcsnap|scan|foto|photo|image|bild|wp|fb_img)"
        r"[-_ ]?\d{3,}(?:[-_~ ]\d+)*(?:\s?\(\d+\))?(?:[-_][a-z]{1,6}\d*)?(?:\." + _FILE + r")?(?![^\W_])|"
        r"\bwhatsapp image \d{4}-\d\d-\d\d(?: at [\d.:]+(?: [ap]m)?)?(?: \(\d+\))?(?:\." + _FILE + r")?|"
        r"\b(?:screen[ _-]?shot|bildschirmfoto|captura de pantalla|capture d[’']écran|屏幕截图|微信图片|mmexport)[-_ ]?\d{4,}[-_ .:\d]*"
        r"(?:(?:at|um|à|a las) [\d.:]+)?(?:\." + _FILE + r")?"
    ),
    # banner-home_2x.png, 71kX-aBcL._AC_SL1500_.jpg; behind a description in plain words only the extension is template
    "file_name": (
        r"^[^\s/\\]{1,200}\."
        + _FILE
        + r"(?![^\W_])|(?<![^\s/\\])[^\s/\\]{0,100}[\d_][^\s/\\]{0,100}\."
        + _FILE
        + r"(?![^\W_])|"
        r"(?<=[^\s/\\])\." + _FILE + r"(?:\.\w{2,4})?(?![^\W_])"
    ),
    # hashes, UUIDs and other identifiers: 5f4dcc3b5aa765d61d83, 1600x900, 20190412_153012
    "identifier": (
        r"\b(?=[a-f0-9-]*\d)(?=[a-f0-9-]*[a-f])[a-f0-9]{8}-?[a-f0-9]{4}-?[a-f0-9-]{4,}\b|\b\d{3,4} ?[x×] ?\d{3,4}(?: ?px)?\b|"
        r"\b\d{8}[-_]\d{4,6}\b|^\W*\d[\d\s._-]{3,}\W*$"
    ),
    # image 1 of 5, Bild 3 von 12, 图片 2, photo #4, foto 3/10
    "counter": (
        r"\b"
        + _PICTURE
        + r"[\s:_-]*"
        + _NUMBER
        + r"(?:\s?(?:of|von|de|sur|/|из|共|out of)\s?\d{1,5})?(?:\s?(?:张|張))?(?=\W*$|\s[-|–])|"
        r"第\s?\d+\s?[张張幅]" + r"(?:图片|圖片|图|照片)?|\b\d{1,5}\s?(?:of|von|de|sur|/)\s?\d{1,5}\W*$|"
        r"\b(?:view|vista|ansicht|vue)\s\d{1,3}(?:\s(?:of|de|von|sur)\s\d{1,3})?\W*$"
    ),
    # the text a form or a theme leaves behind
    "placeholder": (
        r"^\W*(?:(?:untitled|unnamed|no name|default|sample|placeholder|dummy|blank|empty|missing|unknown|null|none|undefined|n/?a|tbd|test)"
        r"(?:[\s_-]+"
        + _PICTURE
        + r"|[\s_-]*(?:text|title|caption|alt|document|design))*(?:[\s_-]*\d+)?|(?:"
        + _PICTURE
        + r"\W*){1,3}|"
        r"(?:no|sin|kein|keine|pas d['’]?|aucune?)\s?(?:image|imagen|bild|título|titel|titre|title|photo|foto|caption|description|descripción|"
        r"beschreibung)(?:\s(?:available|disponible|verfügbar|vorhanden|found|here|yet))?|"
        r"(?:alt(?:ernative)?[\s_-]?text|alt|your alt text(?: here)?|(?:image|photo) ?(?:alt|title|caption|description|text)|insert (?:caption|"
        r"image|text)(?: here)?|enter (?:caption|description|text)(?: here)?|title|caption|description|texto alternativo|alternativtext|"
        r"texte alternatif|sin título|ohne titel|unbenannt|sans titre|无标题|未命名|无题|暂无图片|默认图片|替代文字|image may contain[^.]*|"
        r"lorem ipsum.*|open graph image|featured image|hero image|cover image|profile (?:picture|photo|image)|image (?:not available|coming "
        r"soon|placeholder|source|result|preview)|loading(?: image)?\.*|click (?:here )?to (?:enlarge|zoom|view)(?: image)?|see more|read "
        r"more|learn more|weiterlesen|leer más|lire la suite|点击查看大图|点击放大|查看更多))\W*(?:\d+\W*)?$"
    ),
    # buy X online, best price, free shipping, in stock, sale, SKU
    "shop": (
        r"\b(?:buy|shop|order|purchase)\b(?: \S+){0,8}? (?:online|now|today|here|cheap(?:ly)?|(?:at|for) (?:the )?(?:best|low|lowest|great|"
        r"cheap) prices?)\b|"
        r"\b(?:best|lowest|low|cheap|cheapest|great|wholesale|discount(?:ed)?|special) (?:prices?|deals?|offers?|discounts?)"
        r"(?: (?:online|ever|guaranteed?|in \w+|on \w+))?|\b(?:free|fast|express|worldwide) (?:worldwide )?(?:shipping|delivery|returns)"
        r"(?: worldwide| available| on (?:all )?orders(?: over \S+)?)?|\b(?:in stock|out of stock|sold out|"
        r"add to (?:cart|basket|wishlist)|on sale|for sale "
        r"online|sale price|hot sale|new arrivals?|limited (?:time )?offer|best sellers?|money back guarantee|up to \d+ ?% off|\d+ ?% off|"
        r"quick view|click (?:here )?to (?:enlarge|zoom)|shop now|buy now|order now|official (?:store|shop|site)|"
        r"product (?:image|photo|picture|thumbnail)|"
        r"(?:sku|item|art(?:icle)?|model|ref|mpn|ean|asin)[.:#]* ?(?:no\.?|number|code)?[:# ]*[a-z]{0,4}-?\d[\w-]{2,})\b|"
        r"\bcompra[r]?\b(?: \S+){0,8}? (?:online|en línea|ahora|barato)|\b(?:mejor(?:es)? (?:precio|oferta)s?|envío gratis|ofertas? especial(?:"
        r"es)?|en oferta|añadir al carrito|tienda (?:online|oficial)|precios? bajos?)\b|"
        r"\b(?:(?:jetzt |günstig |online )+(?:kaufen|bestellen|shoppen)|(?:online|günstig) kaufen|bestpreis|günstige(?:r|n)? preise?|zum "
        r"besten preis|kostenlose(?:r|n)? (?:versand|lieferung)|versandkostenfrei|in den warenkorb|auf lager|online[- ]?shop|sonderangebote?)"
        r"\b|\bachet(?:er|ez)\b(?: \S+){0,8}? (?:en ligne|maintenant|pas cher)|\b(?:pas cher|livraison (?:gratuite|offerte|rapide)|meilleurs? "
        r"prix|en stock|ajouter au panier|boutique (?:en ligne|officielle)|prix bas|en promotion)\b|"
        r"(?:厂家直销|厂家批发|批发价格?|包邮|正品(?:保证)?|特价|促销|限时(?:优惠|抢购)|立即购买|加入购物车|官方旗舰店|旗舰店|优惠价|现货|"
        r"(?:价格|报价|批发|多少钱|采购|供应商)(?:[,，_|/-]|$)|免费送货|全国包邮|低价|热卖|爆款)"
    ),
    # stock sites, wallpapers, blogs: what search engines are fed
    "seo": (
        r"\b(?:royalty[- ]free|stock (?:photos?|images?|illustrations?|vectors?|pictures?|footage)|"
        r"(?:(?:free|hd|4k) ){1,3}(?:download|wallpapers?(?: download)?|vector|"
        r"clipart|stock|printable)|(?:hd|4k|desktop|mobile|iphone) (?:wallpapers?|backgrounds?)|wallpaper (?:hd|download|background)|free png|"
        r"transparent (?:png|background)|png (?:transparent|images?|clipart)|clip ?art (?:free|library|images?)|vector (?:art|graphics?|image)"
        r"(?: free)?|download (?:free|now|for free|image|this)|image (?:gallery|result for)|getty images?|shutterstock|istock(?:photo)?|"
        r"dreamstime|123rf|alamy|depositphotos|fotolia|adobe stock|pinterest|ebay|aliexpress|amazon(?:\.\w+)+|etsy|alibaba|"
        r"(?:reviews?|ideas|tips|guide) (?:in|for) (?:19|20)\d\d|"
        r"all rights reserved|copyright (?:©|\(c\))?(?: ?\d{4})?|posted (?:by|on)|share on (?:facebook|twitter|"
        r"pinterest|x)|pin (?:it|on)|fondos? de pantalla(?: gratis)?|descarga(?:r)? gratis|imágenes gratis|libre de regalías|banco de "
        r"imágenes|lizenzfrei(?:e[sn]?)?|kostenlos(?:e[srn]?)? (?:herunterladen|download|bilder)|stockfotos?|hintergrundbild(?:er)?|"
        r"libres? de droits?|fonds? d['’]écran|télécharge(?:r|ment) gratuit(?:ement)?|banque d['’]images?)\b|"
        r"(?:高清(?:图片|壁纸|大图|图)|图片(?:大全|素材|下载|壁纸)|素材下载|免费下载|壁纸下载|桌面壁纸|免费素材|矢量图|版权所有|图库|图片来源|"
        r"来源[:：]\S*)"
    ),
    # what stands around the pictures of a site
    "site": (
        r"^\W*(?:advertisements?|sponsored|anzeige|werbung|publicidad|publicité|广告|"
        r"subscribe(?: now| to (?:our|the) newsletter)?|newsletter(?: sign ?up)?|"
        r"sign (?:up|in)|log ?in|register(?: now)?|back to top|skip to (?:main )?content|(?:main )?(?:menu|navigation)|search|share(?: this)?|"
        r"(?:accept|cookie)[\w ]{0,20}cookies?|loading\W* please wait|please wait|home ?page(?: (?:banner|image|slider))?|"
        r"click (?:here )?to (?:view|see|share|enlarge|open|download)\b.{0,60}|"
        r"(?:default )?placeholder(?: image)?|default (?:placeholder )?image|"
        r"(?:featured|hero|header|cover|background) (?:image|photo|picture|banner)(?: (?:for|of) (?:this|the) (?:post|article|page|entry))?|"
        r"imagen (?:destacada|de portada)(?: (?:de|del) (?:la )?(?:entrada|artículo|post))?|suscríbete(?: a nuestro boletín)?|"
        r"beitragsbild|titelbild|newsletter abonnieren|image à la une|inscrivez-vous à notre newsletter|订阅|登录|注册|返回顶部|扫码关注|"
        r"关注我们|follow us(?: on \w+)?|contact us|about us|all rights reserved|opens in (?:a )?new (?:window|tab))\W*$"
    ),
    # www.shop.example, https://..., name@host
    "address": r"\bhttps?://\S+|\bwww\.\S+|(?<![a-z0-9-])[a-z0-9-]{1,63}\.(?:com|net|org|shop|store|co\.uk|de|es|fr|cn)(?:\.\w\w)?(?:/\S*)?\b|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+",
}

_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS.items()))
_COUNTED = re.compile(r"[^\W_]")


def boilerplate(text: str) -> tuple[float, str | None]:
    """Share (0-1) of the letters and digits of `text` that template patterns cover, and the name of the longest match.

    Args:
        text: with single spaces, as `caption_quality` prepares it.
    """
    text = text.lower()  # twice as fast as a pattern that ignores case
    share, longest, name, covered = 0.0, 0, None, 0
    for match in _ANY.finditer(text):
        length = len(_COUNTED.findall(match[0]))
        covered += length
        if length > longest:
            longest, name = length, match.lastgroup
    if covered:
        share = covered / len(_COUNTED.findall(text))
    return share, name
