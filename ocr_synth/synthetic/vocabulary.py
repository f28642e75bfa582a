"""Words that receipts and forms print whatever their text is about, by language, and numbers as they are written there."""

import numpy as np

from ocr_synth.synthetic.sampling import happens, one_of

RECEIPT = {
    "en": ("Subtotal", "Tax", "Total", "Cash", "Change", "Date", "No."),
    "zh": ("小计", "税额", "合计", "现金", "找零", "日期", "单号"),
    "ja": ("小計", "消費税", "合計", "お預り", "お釣り", "日付", "番号"),
    "ru": ("Подытог", "НДС", "Итого", "Наличные", "Сдача", "Дата", "Чек №"),
    "ar": ("المجموع الفرعي", "الضريبة", "المجموع", "نقدا", "الباقي", "التاريخ", "رقم"),
    "he": ("סכום ביניים", "מע״מ", "סך הכל", "מזומן", "עודף", "תאריך", "מספר"),
}
FORM = {
    "en": ("Name", "Address", "Date", "Phone", "City", "Reference", "Amount", "Signature", "Department", "Remarks"),
    "zh": ("姓名", "地址", "日期", "电话", "城市", "编号", "金额", "签字", "部门", "备注"),
    "ja": ("氏名", "住所", "日付", "電話番号", "都市", "番号", "金額", "署名", "部署", "備考"),
    "ru": ("Имя", "Адрес", "Дата", "Телефон", "Город", "Номер", "Сумма", "Подпись", "Отдел", "Примечание"),
    "ar": ("الاسم", "العنوان", "التاريخ", "الهاتف", "المدينة", "الرقم", "المبلغ", "التوقيع", "القسم", "ملاحظات"),
    "he": ("שם", "כתובת", "תאריך", "טלפון", "עיר", "מספר", "סכום", "חתימה", "מחלקה", "הערות"),
}
_CURRENCY = {
    "en": ("$", "£", "€", ""),
    "zh": ("¥", "元", ""),
    "ja": ("¥", "円"),
    "ru": ("руб.", "р.", ""),
    "ar": ("", "د.إ"),
    "he": ("₪",),
}
_AFTER = {"元", "円", "руб.", "р.", "د.إ", "€"}
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


class Numbers:
    """Numbers, dates and amounts of one document, written in one way throughout."""

    def __init__(self, rng: np.random.Generator, language: str):
        self._rng = rng
        self._currency = one_of(rng, _CURRENCY.get(language, _CURRENCY["en"]))
        self._comma = language in {"ru", "fr", "de", "es", "it", "pl"}
        self._whole = language == "ja"
        self._digits = _ARABIC_DIGITS if language in {"ar", "fa"} and happens(rng, 0.4) else None

    def amount(self, cents: int) -> str:
        """A sum of money."""
        text = f"{cents // 100:,}" if self._whole else f"{cents / 100:,.2f}"
        if self._comma:
            text = text.replace(",", " ").replace(".", ",")
        if not self._currency:
            return self.written(text)
        text = self.written(text)
        return f"{text} {self._currency}" if self._currency in _AFTER else f"{self._currency}{text}"

    def figure(self) -> str:
        """A number as it stands in a table."""
        kind = int(self._rng.integers(4))
        if kind == 0:
            return self.written(str(int(self._rng.integers(1, 1000))))
        if kind == 1:
            return self.written(f"{self._rng.uniform(0, 100):.1f}%")
        if kind == 2:
            return self.written(f"{int(self._rng.integers(1000, 999999)):,}")
        return self.amount(int(self._rng.integers(100, 99999)))

    def date(self) -> str:
        year, month, day = (int(self._rng.integers(a, b)) for a, b in ((1990, 2030), (1, 13), (1, 29)))
        form = one_of(self._rng, ("{0}-{1:02}-{2:02}", "{2:02}.{1:02}.{0}", "{2:02}/{1:02}/{0}", "{0}/{1:02}/{2:02}"))
        return self.written(form.format(year, month, day))

    def serial(self) -> str:
        return self.written("".join(map(str, self._rng.integers(0, 10, int(self._rng.integers(4, 10))))))

    def written(self, text: str) -> str:
        return text.translate(self._digits) if self._digits else text
